using System.Globalization;
using Cscm.Storage.Conformance;
using Xunit.Abstractions;

namespace Cscm.Machine.Tests;

public sealed class SpaceOfXfsTests(SpaceOfXfsTests.Run run, ITestOutputHelper output) : IClassFixture<SpaceOfXfsTests.Run>
{
    [MachineTheory]
    [MemberData(nameof(RandomRun.Stages), MemberType = typeof(RandomRun))]
    public void A_random_run_loses_no_space_keeps_the_offer_true_and_leaves_new_volumes_mapped_by_2_mib(string stage) => run.Require(stage, output);

    public sealed class Run() : RandomRun("size=1024Mi,source=namespace:fast,kind=xfs", actsInShort: 24, "ndctl create-namespace --region=region0 --mode=fsdax --name=fast");
}

public sealed class SpaceOfLvmTests(SpaceOfLvmTests.Run run, ITestOutputHelper output) : IClassFixture<SpaceOfLvmTests.Run>
{
    [MachineTheory]
    [MemberData(nameof(RandomRun.Stages), MemberType = typeof(RandomRun))]
    public void A_random_run_loses_no_space_keeps_the_offer_true_and_leaves_new_volumes_mapped_by_2_mib(string stage) => run.Require(stage, output);

    public sealed class Run() : RandomRun("size=900Mi,source=region0,kind=lvm", actsInShort: 24);
}

public sealed class SpaceOfNamespacesTests(SpaceOfNamespacesTests.Run run, ITestOutputHelper output) : IClassFixture<SpaceOfNamespacesTests.Run>
{
    [MachineTheory]
    [MemberData(nameof(RandomRun.Stages), MemberType = typeof(RandomRun))]
    public void A_random_run_loses_no_space_keeps_the_offer_true_and_leaves_new_volumes_mapped_by_2_mib(string stage) => run.Require(stage, output);

    public sealed class Run() : RandomRun("size=900Mi,source=region0,kind=namespace", actsInShort: 8);
}

/// <summary>
/// How space fares in a random run of creations, growths and removals: short by default, CSCM_RANDOM_ACTS=1000 for a long one, CSCM_RANDOM_SEED=7
/// for another one.
/// </summary>
public abstract class RandomRun(string pool, int actsInShort, string preparation = "")
    : ScenarioRun(
        new MachineOptions { Nvdimms = [new Nvdimm(1024L << 20)], PayloadDirectory = Payload.Directory },
        "ndctl disable-region all; ndctl init-labels all; ndctl enable-region all\n" + preparation,
        ["Cscm.Storage.Conformance", "lives", "--root", "/tmp/space", "--pool", "name=fast," + pool, "--seed", $"{Number("CSCM_RANDOM_SEED", 20180130)}", "--acts", $"{Number("CSCM_RANDOM_ACTS", actsInShort)}"])
{
    public static TheoryData<string> Stages => [.. Lives.Stages];

    protected override TimeSpan Limit => base.Limit + (Number("CSCM_RANDOM_ACTS", 0) * TimeSpan.FromSeconds(10));

    private static int Number(string variable, int otherwise)
        => int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : otherwise;
}
