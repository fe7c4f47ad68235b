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
            Must("regions", "--json");
            ServeOnce(root, name);
        }
        else
        {
            foreach (string kind in new[] { "dram", "file" })
                Run(program, ["suite", "--root", Path.Combine(root, kind), "--pool", $"name={name},kind={kind},size=134217728", .. s_scenarios.SelectMany(scenario => new[] { "--only", scenario })]);
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
        Must(["pools", .. there]);
        Must(["volumes", .. there]);
        Check(Kill(Environment.ProcessId, Terminate));
        Check(serve.Result);
    }

    private static void Must(params string[] arguments) => Run("cscm", arguments);

    private static void Run(string program, string[] arguments)
    {
        int code = Programs.Run(program, arguments);
        if (code != 0)
            throw new InvalidOperationException($"the warm-up's {program} {string.Join(' ', arguments)} ended with {code}");
    }

    private static void Check(int code)
    {
        if (code != 0)
            throw new InvalidOperationException($"the warm-up's cscm serve ended with {code}");
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
