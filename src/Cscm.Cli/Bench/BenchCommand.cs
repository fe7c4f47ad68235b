using System.CommandLine;
using Cscm.Memory;

namespace Cscm.Cli.Bench;

/// <summary><c>cscm bench</c>: workloads that run where a volume is mounted, in a container or not.</summary>
internal static class BenchCommand
{
    public static Command Create() => new("bench", "Run a workload on a mounted volume")
    {
        StreamCommand.Create(),
        BTreeCommand.Create(),
        RecordCommand.Create(),
        IsolationCommand.Create(),
        GrowthCommand.Create(),
    };

    /// <summary>Runs a workload; what goes wrong is told in one line.</summary>
    public static int Run(string name, Action workload)
    {
        try
        {
            workload();
            return 0;
        }
        catch (Exception exception) when (exception is WorkloadException or ScmException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"cscm bench {name}: {exception.Message}");
            return 1;
        }
    }
}

/// <summary>A workload cannot run or found something wrong; the message says what and what to do.</summary>
internal sealed class WorkloadException(string message) : Exception(message);
