namespace Cscm.Storage.Conformance;

/// <summary>What a scenario needs of a pool; a pool that lacks it is not asked.</summary>
[Flags]
public enum Traits
{
    None = 0,
    Block = 1,
    Snapshots = 2,

    /// <summary>A mounted volume can grow.</summary>
    OnlineGrowth = 4,

    /// <summary>The medium's bytes pass from one volume to the next, so they are zeroed in between.</summary>
    Erases = 8,

    /// <summary>On storage class memory: files map the medium.</summary>
    Dax = 16,

    /// <summary>Volumes are directories of one file system.</summary>
    SharedFileSystem = 32,
}

/// <summary>One thing that every pool must do. It leaves no volume and no snapshot behind.</summary>
/// <param name="Name">A sentence with underscores.</param>
/// <param name="Needs">Pools without these are not asked.</param>
/// <param name="RunAsync">Throws if the pool does not do it.</param>
public sealed record Scenario(string Name, Traits Needs, Func<Bed, Task> RunAsync);

/// <summary>All scenarios, and which of them a kind of pool is asked.</summary>
public static class Suite
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        .. LifecycleScenarios.All, .. SizeScenarios.All, .. LoadScenarios.All, .. PublishScenarios.All, .. CopyScenarios.All, .. EraseScenarios.All, .. RestartScenarios.All,
        .. SharedFileSystemScenarios.All, .. HealthScenarios.All,
    ];

    public static Traits TraitsOf(PoolKind kind) => kind switch
    {
        // A mounted ext4 grows only with CAP_SYS_RESOURCE, so an image file is not asked to.
        PoolKind.File => Traits.Block | Traits.Snapshots,
        PoolKind.Dram => Traits.OnlineGrowth,
        PoolKind.Xfs => Traits.Snapshots | Traits.OnlineGrowth | Traits.Erases | Traits.Dax | Traits.SharedFileSystem,
        PoolKind.Lvm => Traits.Block | Traits.Snapshots | Traits.OnlineGrowth | Traits.Erases | Traits.Dax,
        PoolKind.Namespace => Traits.Block | Traits.Snapshots | Traits.Erases | Traits.Dax,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "no such kind of pool"),
    };

    public static IEnumerable<Scenario> For(PoolKind kind) => All.Where(scenario => (scenario.Needs & ~TraitsOf(kind)) == Traits.None);
}
