using System.Diagnostics;

namespace Cscm.Bench.Pools.Inside;

/// <summary>bench/peers/stream.c over a file, on the machine itself or in a container, driven sweep by sweep.</summary>
internal sealed class StreamProcess : IDisposable
{
    private const int Elements = 1 << 20;
    private const string Program = "/payload/stream";

    private readonly Process _process;

    private StreamProcess(string command, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(command, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        _process = Process.Start(start)!;
        string? line = _process.StandardOutput.ReadLine();
        if (line != "ready")
            throw new InvalidOperationException($"{command} said '{line}' instead of 'ready'");
    }

    public static StreamProcess Outside(string directory) => new(Program, ["--file", Path.Combine(directory, "stream"), "--elements", $"{Elements}"]);

    /// <summary>In namespaces of its own, on a root that holds the program and the volume.</summary>
    public static StreamProcess InContainer(string volume, string bundle)
    {
        Directory.CreateDirectory(Path.Combine(bundle, "rootfs", "volume"));
        Directory.CreateDirectory(Path.Combine(bundle, "rootfs", "dev"));
        Directory.CreateDirectory(Path.Combine(bundle, "rootfs", "proc"));
        File.Copy(Program, Path.Combine(bundle, "rootfs", "stream"));
        File.WriteAllText(Path.Combine(bundle, "config.json"), $$"""
            {
              "ociVersion": "1.0.2",
              "process": { "terminal": false, "user": { "uid": 0, "gid": 0 }, "cwd": "/", "args": ["/stream", "--file", "/volume/stream", "--elements", "{{Elements}}"] },
              "root": { "path": "rootfs" },
              "hostname": "stream",
              "mounts": [ { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }, { "destination": "/proc", "type": "proc", "source": "proc" }, { "destination": "/volume", "source": "{{volume}}", "options": ["bind", "rw"] } ],
              "linux": { "namespaces": [ { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }, { "type": "network" }, { "type": "cgroup" } ] }
            }
            """);
        return new StreamProcess("crun", ["run", "--bundle", bundle, "stream"]);
    }

    /// <summary>Bytes per second of COPY, SCALE, ADD and TRIAD together.</summary>
    public double Sweep(int count)
    {
        _process.StandardInput.WriteLine($"sweep plain {count}");
        string line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("stream ended");
        double nanoseconds = line.Split(' ').Select(pair => pair.Split('=')).Where(pair => pair[0].EndsWith("_ns", StringComparison.Ordinal)).Sum(pair => double.Parse(pair[1]));
        const int BytesPerElement = 16 + 16 + 24 + 24;
        return (double)count * Elements * BytesPerElement / nanoseconds * 1e9;
    }

    public void Dispose()
    {
        _process.StandardInput.WriteLine("quit");
        _process.WaitForExit();
        _process.Dispose();
    }
}
