using System.Runtime.InteropServices;

namespace Cscm.Bench.Memory.Measuring;

/// <summary>
/// The clock of all measurements: wall time, or, with <c>--clock thread</c>, the processor time of the calling thread, which on a machine
/// that is not quiet leaves out the time when another process has the processor. Ours and the peers' is the same.
/// </summary>
public static unsafe partial class Clock
{
    private const int Monotonic = 1;
    private const int ThreadProcessorTime = 3;
    private static int s_clock = Monotonic;

    public static string Name => s_clock == Monotonic ? "wall" : "thread";

    public static void Choose(BenchOptions options) =>
        s_clock = options.Text("clock", "wall") switch
        {
            "wall" => Monotonic,
            "thread" => ThreadProcessorTime,
            string other => throw new BenchException($"--clock {other}: wall or thread"),
        };

    public static double Nanoseconds()
    {
        long* time = stackalloc long[2];
        if (GetTime(s_clock, time) != 0)
            throw new BenchException($"clock_gettime failed: {Marshal.GetLastPInvokeErrorMessage()}");
        return (time[0] * 1e9) + time[1];
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    private static partial int GetTime(int clock, long* time);
}
