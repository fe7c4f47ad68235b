using System.Net;
using Cscm.Csi;
using Cscm.Csi.Hosting;
using Cscm.Csi.Metrics;
using Cscm.Storage;

namespace Cscm.Cli.Serve;

/// <summary>What `cscm serve` runs with, after flags and file were merged. Immutable.</summary>
internal sealed record ServeSettings
{
    public const string DefaultEndpoint = "unix:///run/cscm/csi.sock";
    public const string DefaultStateDirectory = "/var/lib/cscm";
    private const string UnixScheme = "unix://";

    public string Endpoint { get; init; } = DefaultEndpoint;
    public string StateDirectory { get; init; } = DefaultStateDirectory;
    public string NodeId { get; init; } = Environment.MachineName;
    public long MaximumVolumes { get; init; } = new DriverInfo("").MaximumVolumes;
    public bool ClaimsCsi113 { get; init; } = true;
    public IReadOnlyList<PoolOptions> Pools { get; init; } = [];

    /// <summary>Null serves no metrics: a listener of its own costs memory.</summary>
    public IPEndPoint? MetricsAddress { get; init; }

    public string SocketPath => Endpoint.StartsWith(UnixScheme, StringComparison.Ordinal) && Endpoint.Length > UnixScheme.Length + 1
        ? Endpoint[UnixScheme.Length..]
        : throw new UsageException($"endpoint '{Endpoint}' is not a Unix socket: write unix:///path/to/csi.sock");

    /// <summary>The pool of a driver that was told of none: 10 GiB of image files below the state directory.</summary>
    public static PoolOptions EmbeddedPool { get; } = new() { Name = "default", Kind = PoolKind.File, SizeBytes = 10L << 30, IsDefault = true };

    public static IPEndPoint ParseMetricsAddress(string text) => MetricsEndpoint.ParseAddress(text)
        ?? throw new UsageException($"metrics address '{text}' is unknown: write 127.0.0.1:9808, or :9808 for all addresses");

    /// <returns>Whether the version's capabilities are those of 1.13.</returns>
    public static bool ParseCsiVersion(string text) => text switch
    {
        "1.13" => true,
        "1.12" => false,
        _ => throw new UsageException($"CSI version '{text}' is not one of those that can be claimed: use 1.13 or 1.12"),
    };
}
