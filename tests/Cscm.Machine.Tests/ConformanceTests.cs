using Cscm.Storage;
using Xunit.Abstractions;

namespace Cscm.Machine.Tests;

public sealed class ConformanceOfXfsTests(ConformanceOfXfsTests.Run run, ITestOutputHelper output) : IClassFixture<ConformanceOfXfsTests.Run>
{
    public static TheoryData<string> Scenarios => ConformanceRun.ScenariosOf(PoolKind.Xfs);

    [MachineTheory]
    [MemberData(nameof(Scenarios))]
    public void A_pool_on_an_nvdimm_conforms(string scenario) => run.Require(scenario, output);

    public sealed class Run() : ConformanceRun(
        "name=fast,kind=xfs,size=1073741824,source=namespace:fast", "ndctl create-namespace --mode=fsdax --name=fast", sizeMib: 512);
}
