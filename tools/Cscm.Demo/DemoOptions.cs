namespace Cscm.Demo;

/// <summary>What the demo runs with. Immutable.</summary>
internal sealed record DemoOptions
{
    /// <summary>Each pool's bound; what is used of it is far less.</summary>
    public const long PoolBytes = 4L << 30;

    /// <summary>The published folder of <c>cscm</c>: the driver, and the program in the containers.</summary>
    public required string ProgramDirectory { get; init; }

    /// <summary>Everything the demo makes lies here. Exists, empty, and is removed by whoever made it.</summary>
    public required string WorkDirectory { get; init; }

    /// <summary>What starts containers; null tries all and takes the first that works.</summary>
    public string? Runtime { get; init; }

    /// <summary>Why things are missing, for the steps that are left out because of it: true in a user namespace.</summary>
    public bool IsOrdinaryUser { get; init; }

    /// <summary>The parent of the containers' control groups; null for none, which is all that an ordinary user may.</summary>
    public string? Cgroup { get; init; }

    /// <summary>Small arrays and volumes: everything is shown, nothing is measured well.</summary>
    public bool IsQuick { get; init; }

    /// <summary>Also written here, for programs to read; null for nowhere.</summary>
    public string? ReportFile { get; init; }

    public long VolumeBytes => (IsQuick ? 128L : 256L) << 20;

    public int StreamElements => IsQuick ? 200_000 : 5_000_000;

    public int StreamRepetitions => IsQuick ? 2 : 30;

    public int DurableStreamRepetitions => IsQuick ? 1 : 10;

    /// <summary>How often a container is killed in the middle of its inserts.</summary>
    public int BTreeKills => IsQuick ? 2 : 5;

    /// <summary>Room for far more inserts than happen until the kill takes effect.</summary>
    public long HeapBytes => VolumeBytes / 2;

    /// <summary>Inserts before each kill.</summary>
    public int BTreeInserts => IsQuick ? 200 : 1000;
}
