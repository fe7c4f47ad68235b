using System.Runtime.InteropServices;
using Cscm.Storage.Conformance;

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
            OverLoop(root, name, pool => ServeOnce(root, name, pool));
        }
        else
        {
            foreach (string kind in new[] { "dram", "file" })
                RunSuite(Path.Combine(root, kind), $"name={name},kind={kind},size=134217728", s_scenarios);
            OverLoop(root, name, pool => RunSuite(Path.Combine(root, "lvm"), pool, s_scenarios[..2], "--dax", "preferred"));
        }
        Directory.Delete(root, recursive: true);
    }

    /// <summary>A pool of what pools on devices have in common. No DAX here, and no memory to spare: short lives only.</summary>
    private static void OverLoop(string root, string name, Action<string> use)
    {
        const long ImageBytes = 64 << 20, PoolBytes = 48 << 20;
        string image = Path.Combine(root, "image");
        using (FileStream file = File.Create(image))
            file.SetLength(ImageBytes);
        string device = Tool.MustRunAsync("losetup", "--find", "--show", image).Result.Trim();
        use($"name={name},kind=lvm,size={PoolBytes},source={device}");
        Tool.MustRunAsync("losetup", "--detach", device).Wait();
    }

    private static void RunSuite(string root, string pool, IEnumerable<string> scenarios, params string[] options)
        => Run("Cscm.Storage.Conformance", ["suite", "--root", root, "--pool", pool, .. scenarios.SelectMany(scenario => new[] { "--only", scenario }), .. options]);

    /// <summary>Server and client of one process: whatever it will be asked to be.</summary>
    private static void ServeOnce(string root, string name, string pool)
    {
        string socket = Path.Combine(root, "csi.sock");
        string[] there = ["--endpoint", $"unix://{socket}"];
        var serve = Task.Run(() => Programs.Run("cscm", ["serve", "--state", Path.Combine(root, "state"), "--pool", pool, .. there]));
        while (!File.Exists(socket) && !serve.IsCompleted)
            Thread.Sleep(10);
        Run("cscm", ["pools", .. there]);
        Run("cscm", ["volumes", .. there]);
        string id = OutputOf(() => Run("cscm", ["volume", "create", name, "16Mi", "--pool", name, "--dax", "preferred", .. there])).Trim(), target = Path.Combine(root, "target");
        Run("cscm", ["volume", "mount", id, target, .. there]);
        Run("cscm", ["volume", "unmount", id, target, .. there]);
        Run("cscm", ["volume", "delete", id, .. there]);
        Require(Kill(Environment.ProcessId, Terminate), "end to cscm serve");
        Require(serve.Result, "cscm serve");
    }

    private static string OutputOf(Action act)
    {
        TextWriter standard = Console.Out;
        using var output = new StringWriter();
        Console.SetOut(output);
        act();
        Console.SetOut(standard);
        return output.ToString();
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
