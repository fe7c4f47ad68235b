using Cscm.Memory.CrashTests.Exploration;

namespace Cscm.Memory.CrashTests.Scenarios;

/// <summary>The one table of all scenarios: the tests, the mutation run and the endless mode walk it.</summary>
internal static class ScenarioTable
{
    public static IReadOnlyList<CrashScenario> All { get; } =
    [
        new CreationScenario(),
        new FieldsScenario(),
        new GuardedFieldsScenario(),
        new CpuCacheFieldsScenario(),
        new PageCacheFieldsScenario(),
        new CheckpointScenario(),
        new TwoLanesScenario(),
        new InterleavedCommitsScenario(),
        new RootsScenario(),
        new GrowthScenario(),
        new ListScenario(),
        new LargeListScenario(),
        new OwnContentScenario(),
        new PageCacheContentScenario(),
        new ForeignWriterScenario(),
        new UnloggedAfterCommitScenario(),
        new UnloggedOverRecordScenario(),
        new UnloggedBeforeCommitScenario(),
        new UpgradeScenario(),
        new BTreeScenario(),
        new SingleOperationsScenario(),
        new OneLeafScenario(),
        new HashMapScenario(),
        new AppendLogScenario(),
        new QueueScenario(),
    ];

    /// <summary>Cheap ones first: a mutation is caught by the first that notices.</summary>
    public static IEnumerable<CrashScenario> ForMutations => All.OrderBy(scenario => scenario.StepCount);
}
