using System.Runtime.InteropServices;

namespace Cscm.Machine.Payload;

/// <summary>A program's common paths, run once: what they load is loaded, and what is compiled late is compiled.</summary>
internal static partial class WarmUp
{
    private const int Terminate = 15;

    private static readonly string[] s_scenarios =
        ["a_volume_is_created_staged_published_measured_and_taken_away", "a_restart_finds_volumes_mounts_and_content", "a_volume_at_rest_is_copied"];

    public static void Run(string program)
    {
        string root = Directory.CreateTempSubdirectory("warm-").FullName, name = $"warm-{Environment.ProcessId}";
        if (program == "cscm")
        {
            Run("cscm", "regions", "--json");
            ServeOnce(root, name);
        }
        else
        {
            string[] only = [.. s_scenarios.SelectMany(scenario => new[] { "--only", scenario })];
            foreach (string kind in new[] { "dram", "file" })
                Run(program, ["suite", "--root", Path.Combine(root, kind), "--pool", $"name={name},kind={kind},size=134217728", .. only]);
        }
        Directory.Delete(root, recursive: true);
    }

    /// <summary>Server and client of one process: whatever it will be asked to be.</summary>
    private static void ServeOnce(string root, string name)
    {
        string socket = Path.Combine(root, "csi.sock");
        string[] there = ["--endpoint", $"unix://{socket}"];
        var serve = Task.Run(() => Programs.Run("cscm", ["serve", "--state", Path.Combine(root, "state"), "--pool", $"name={name},kind=dram,size=67108864", .. there]));
        while (!File.Exists(socket) && !serve.IsCompleted)
            Thread.Sleep(10);
        Run("cscm", ["pools", .. there]);
        Run("cscm", ["volumes", .. there]);
        Require(Kill(Environment.ProcessId, Terminate), "end to cscm serve");
        Require(serve.Result, "cscm serve");
    }

    private static void Run(string program, params string[] arguments) => Require(Programs.Run(program, arguments), $"{program} {string.Join(' ', arguments)}");

    private static void Require(int code, string what)
    {
        if (code != 0)
            throw new InvalidOperationException($"the warm-up's {what} ended with {code}");
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
