using System.CommandLine;
using System.Diagnostics;

namespace Cscm.Cli.Bench;

/// <summary><c>cscm bench growth</c>: waits, as a running consumer would, until the file system at a path has grown.</summary>
internal static class GrowthCommand
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(10);

    public static Command Create()
    {
        var path = new Option<string>("--path") { Description = "Where the volume is mounted", Required = true };
        var timeout = new Option<int>("--timeout") { Description = "Seconds to wait", DefaultValueFactory = _ => 60 };
        var command = new Command("growth", "Print the size of the file system at a path, wait until it grows, print the new size") { path, timeout };
        command.SetAction(parsed => BenchCommand.Run(
            "growth", () => Watch(parsed.GetRequiredValue(path), TimeSpan.FromSeconds(parsed.GetValue(timeout)))));
        return command;
    }

    private static void Watch(string path, TimeSpan timeout)
    {
        if (!Directory.Exists(path))
            throw new WorkloadException($"{path} is not there: name the directory where the volume is mounted");
        var drive = new DriveInfo(path);
        long before = drive.TotalSize;
        Console.WriteLine($"before_bytes={before}");
        var clock = Stopwatch.StartNew();
        while (drive.TotalSize <= before)
        {
            if (clock.Elapsed > timeout)
                throw new WorkloadException($"the file system at {path} did not grow within {timeout.TotalSeconds:0} s");
            Thread.Sleep(s_pause);
        }
        Console.WriteLine($"after_bytes={drive.TotalSize}");
    }
}
