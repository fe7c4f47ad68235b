namespace Cscm.Storage;

/// <summary>How an operator configures the storage of one machine.</summary>
public sealed record StorageOptions
{
    /// <summary>Where the driver remembers its volumes; made if it does not exist. One driver per directory.</summary>
    public required string StateDirectory { get; init; }

    public required IReadOnlyList<PoolOptions> Pools { get; init; }
}
