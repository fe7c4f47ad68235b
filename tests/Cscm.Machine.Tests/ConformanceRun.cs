using Cscm.Storage;
using Cscm.Storage.Conformance;

namespace Cscm.Machine.Tests;

/// <summary>The conformance suite over one pool on an NVDIMM.</summary>
public abstract class ConformanceRun(string pool, string preparation, int sizeMib = 1024)
    : ScenarioRun(
        new MachineOptions { Nvdimms = [new Nvdimm((long)sizeMib << 20)], PayloadDirectory = Payload.Directory },
        "ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0\n" + preparation,
        ["Cscm.Storage.Conformance", "--root", "/tmp/conformance", "--pool", pool])
{
    public static TheoryData<string> ScenariosOf(PoolKind kind) => [.. Suite.For(kind).Select(scenario => scenario.Name)];
}
