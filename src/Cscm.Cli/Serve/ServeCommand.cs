using System.CommandLine;
using Cscm.Csi.Hosting;
using Cscm.Storage;
using Microsoft.Extensions.Logging;

namespace Cscm.Cli.Serve;

/// <summary><c>cscm serve</c>: the whole driver on one machine, controller and node on one socket.</summary>
internal static class ServeCommand
{
    public const string Name = "serve";

    public static Command Create()
    {
        var config = new Option<string?>("--config") { Description = "YAML file with settings; flags override it" };
        var endpoint = new Option<string?>("--endpoint") { Description = $"Where to listen (default {ServeSettings.DefaultEndpoint})" };
        var state = new Option<string?>("--state") { Description = $"Directory for state and embedded pools (default {ServeSettings.DefaultStateDirectory})" };
        var nodeId = new Option<string?>("--node-id") { Description = "This node's name for the orchestrator (default: the host name)" };
        var maximumVolumes = new Option<long?>("--max-volumes") { Description = "Volumes this node takes, 0 for no limit" };
        var csiVersion = new Option<string?>("--csi-version")
        {
            Description = "Claim the capabilities of 1.13 (default) or, for orchestrators that refuse unknown ones, of 1.12",
        };
        var pools = new Option<string[]>("--pool")
        {
            Description = "A pool: name=NAME,kind=file|dram|lvm|xfs|namespace,size=10Gi[,source=region0+region1|namespace:NAME|vg:NAME|/dev/…][,stripes=N][,eraseRate=200Mi][,path=DIR][,fileSystem=xfs|ext4][,numaNode=N][,hugePages=POLICY][,default=true]; "
                + "may be repeated (default: one file pool of 10Gi below the state directory)",
            AllowMultipleArgumentsPerToken = false,
        };
        var metricsAddress = new Option<string?>("--metrics-address") { Description = "Serve Prometheus metrics at http://ADDRESS/metrics, such as 127.0.0.1:9808 (default: nowhere)" };
        var logLevel = new Option<LogLevel>("--log-level")
        {
            Description = "Debug adds each request, secrets stripped",
            DefaultValueFactory = _ => LogLevel.Information,
        };
        var command = new Command(Name, "Run the CSI driver on this machine, controller and node on one socket")
        {
            config, endpoint, state, nodeId, maximumVolumes, csiVersion, pools, metricsAddress, logLevel,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                string? file = parsed.GetValue(config);
                ServeSettings settings = file is null ? new ServeSettings() : SettingsFile.Read(file);
                string[] poolFlags = parsed.GetValue(pools) ?? [];
                settings = settings with
                {
                    Endpoint = parsed.GetValue(endpoint) ?? settings.Endpoint,
                    StateDirectory = Path.GetFullPath(parsed.GetValue(state) ?? settings.StateDirectory),
                    NodeId = parsed.GetValue(nodeId) ?? settings.NodeId,
                    MaximumVolumes = parsed.GetValue(maximumVolumes) ?? settings.MaximumVolumes,
                    ClaimsCsi113 = parsed.GetValue(csiVersion) is string version ? ServeSettings.ParseCsiVersion(version) : settings.ClaimsCsi113,
                    MetricsAddress = parsed.GetValue(metricsAddress) is string address ? ServeSettings.ParseMetricsAddress(address) : settings.MetricsAddress,
                    Pools = poolFlags.Length > 0 ? [.. poolFlags.Select(PoolFields.ReadFlag)] : settings.Pools,
                };
                if (settings.Pools.Count == 0)
                    settings = settings with { Pools = [ServeSettings.EmbeddedPool] };
                await ServeHost.RunAsync(settings, parsed.GetValue(logLevel), cancellationToken);
                return 0;
            }
            catch (Exception exception) when (exception is UsageException or StorageException or IOException or ArgumentException)
            {
                await Console.Error.WriteLineAsync($"cscm serve: {exception.Message}");
                return 1;
            }
        });
        return command;
    }
}
