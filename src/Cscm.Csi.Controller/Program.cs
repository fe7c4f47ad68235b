using System.CommandLine;
using Cscm.Csi.Controller.Cluster;
using Cscm.Csi.Hosting;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Controller;

/// <summary>The controller of a cluster. Standalone, controller and node are one program: <c>cscm serve</c>.</summary>
internal static class Program
{
    public static Task<int> Main(string[] arguments)
    {
        Option<string> driverName = EnvironmentOption.Text("--driver-name", "What StorageClasses name as their provisioner", DriverInfo.Name);
        Option<string> endpoint = EnvironmentOption.Text("--endpoint", "Where to listen", "unix:///csi/csi.sock");
        Option<string> kubeconfig = EnvironmentOption.Text("--kubeconfig", "How to reach the cluster; in a pod its service account by itself", "");
        Option<string> election = EnvironmentOption.Text("--leader-election", "Whether one of several replicas leads: true or false", "true");
        Option<string> electionNamespace = EnvironmentOption.Text("--leader-election-namespace", "Where the lease is; the pod's own by itself", "");
        Option<string> metrics = EnvironmentOption.Text("--metrics-address", "Where /metrics is served, 127.0.0.1:9808 or :9808; empty for nowhere", "");
        Option<string> orphans = EnvironmentOption.Text("--orphans", "Volumes without a PersistentVolume: off, report or delete", "report");
        Option<string> csiVersion = EnvironmentOption.Text("--csi-version", "Claim the capabilities of 1.13, or of 1.12 for sidecars that refuse unknown ones", "1.13");
        Option<string> logLevel = EnvironmentOption.Text("--log-level", "Debug adds each request, secrets stripped", "Information");
        var command = new RootCommand("CSCM's CSI controller for a Kubernetes cluster")
        {
            driverName, endpoint, kubeconfig, election, electionNamespace, metrics, orphans, csiVersion, logLevel,
        };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                await ControllerHost.RunAsync(
                    new ControllerSettings
                    {
                        Driver = new DriverInfo("") { DriverName = parsed.GetValue(driverName)!, ClaimsCsi113 = parsed.GetValue(csiVersion) != "1.12" },
                        Endpoint = parsed.GetValue(endpoint)!,
                        Kubeconfig = parsed.GetValue(kubeconfig)!,
                        ElectsLeader = EnvironmentOption.ParseBoolean(parsed.GetValue(election)!, election.Name),
                        ElectionNamespace = parsed.GetValue(electionNamespace)!,
                        MetricsAddress = parsed.GetValue(metrics)!,
                        Orphans = EnvironmentOption.Parse<OrphanPolicy>(parsed.GetValue(orphans)!, orphans.Name),
                        LogLevel = EnvironmentOption.Parse<LogLevel>(parsed.GetValue(logLevel)!, logLevel.Name),
                    },
                    cancellationToken);
                return 0;
            }
            catch (Exception exception) when (exception is UsageException or InvalidDataException or IOException or ArgumentException)
            {
                await Console.Error.WriteLineAsync($"cscm-controller: {exception.Message}");
                return 1;
            }
        });
        return command.Parse(arguments).InvokeAsync(CsiServer.Invocation);
    }
}
