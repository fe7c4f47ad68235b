using System.CommandLine;
using Cscm.Csi.Hosting;
using Cscm.Csi.Node.Agent;
using Cscm.Storage;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Node;

/// <summary>The node service of a cluster. Standalone, controller and node are one program: <c>cscm serve</c>.</summary>
internal static class Program
{
    public static Task<int> Main(string[] arguments)
    {
        Option<string> driverName = EnvironmentOption.Text("--driver-name", "What StorageClasses name as their provisioner", DriverInfo.Name);
        Option<string> nodeName = EnvironmentOption.Text("--node-name", "This node's name in the cluster", Environment.MachineName);
        Option<string> endpoint = EnvironmentOption.Text("--endpoint", "Where to listen", "unix:///csi/csi.sock");
        Option<string> kubeconfig = EnvironmentOption.Text("--kubeconfig", "How to reach the cluster; in a pod its service account by itself", "");
        Option<string> state = EnvironmentOption.Text("--state", "Directory for state and embedded pools, kept over restarts", "/var/lib/cscm");
        Option<string[]> pools = EnvironmentOption.List("--pool", "A pool: name=NAME,kind=lvm|xfs|namespace|dram|file,size=10Gi,…; may be repeated");
        Option<string> maximumVolumes = EnvironmentOption.Text("--max-volumes", "Volumes this node takes, 0 for no limit", "1024");
        Option<string> metrics = EnvironmentOption.Text("--metrics-address", "Where /metrics is served, 127.0.0.1:9808 or :9808; empty for nowhere", "");
        Option<string> orphans = EnvironmentOption.Text("--orphans", "Local volumes without an ScmVolume: off, report or delete", "report");
        Option<string> csiVersion = EnvironmentOption.Text("--csi-version", "Claim the capabilities of 1.13, or of 1.12 for sidecars that refuse unknown ones", "1.13");
        Option<string> logLevel = EnvironmentOption.Text("--log-level", "Debug adds each request, secrets stripped", "Information");
        var command = new RootCommand("CSCM's CSI node service for a Kubernetes cluster")
        {
            driverName, nodeName, endpoint, kubeconfig, state, pools, maximumVolumes, metrics, orphans, csiVersion, logLevel,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                string[] given = parsed.GetValue(pools)!;
                if (given.Length == 0)
                    throw new UsageException("no pool is given: write --pool name=default,kind=dram,size=1Gi or another kind");
                if (!long.TryParse(parsed.GetValue(maximumVolumes), out long maximum) || maximum < 0)
                    throw new UsageException($"--max-volumes '{parsed.GetValue(maximumVolumes)}' is not a number, zero or more");
                await NodeHost.RunAsync(
                    new NodeSettings
                    {
                        Driver = new DriverInfo(parsed.GetValue(nodeName)!)
                        {
                            DriverName = parsed.GetValue(driverName)!,
                            ClaimsCsi113 = parsed.GetValue(csiVersion) != "1.12",
                            MaximumVolumes = maximum,
                        },
                        Endpoint = parsed.GetValue(endpoint)!,
                        Kubeconfig = parsed.GetValue(kubeconfig)!,
                        StateDirectory = Path.GetFullPath(parsed.GetValue(state)!),
                        Pools = [.. given.Select(PoolFields.ReadFlag)],
                        MetricsAddress = parsed.GetValue(metrics)!,
                        Orphans = EnvironmentOption.Parse<OrphanPolicy>(parsed.GetValue(orphans)!, orphans.Name),
                        LogLevel = EnvironmentOption.Parse<LogLevel>(parsed.GetValue(logLevel)!, logLevel.Name),
                    },
                    cancellationToken);
                return 0;
            }
            catch (Exception exception) when (exception is UsageException or StorageException or InvalidDataException or IOException or ArgumentException)
            {
                await Console.Error.WriteLineAsync($"cscm-node: {exception.Message}");
                return 1;
            }
        });
        return command.Parse(arguments).InvokeAsync(CsiServer.Invocation);
    }
}
