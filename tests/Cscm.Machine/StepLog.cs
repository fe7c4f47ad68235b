using System.Diagnostics;

namespace Cscm.Machine;

/// <summary>Where a machine's time goes: with CSCM_MACHINE_STEPS=FILE a line per step, "machine seconds-since-its-start seconds processor-seconds step". Thread-safe.</summary>
internal sealed class StepLog(string machine)
{
    private static readonly string? s_file = Environment.GetEnvironmentVariable("CSCM_MACHINE_STEPS");
    private static readonly Lock s_lock = new();

    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>The emulator's, whose processor time does not depend on who else uses the host's processors.</summary>
    public QemuProcess? Process { get; set; }

    public async Task<T> TimeAsync<T>(string step, Func<Task<T>> act)
    {
        long begun = Stopwatch.GetTimestamp();
        TimeSpan used = s_file is null || Process is null ? default : Process.ProcessorTime;
        try
        {
            return await act();
        }
        finally
        {
            if (s_file is not null)
                Write(begun, Process is null ? default : Process.ProcessorTime - used, step);
        }
    }

    public Task TimeAsync(string step, Func<Task> act) => TimeAsync(step, async () =>
    {
        await act();
        return true;
    });

    private void Write(long begun, TimeSpan used, string step)
    {
        string line = string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"{machine} {Stopwatch.GetElapsedTime(_start).TotalSeconds,6:F2} {Stopwatch.GetElapsedTime(begun).TotalSeconds,6:F2} {used.TotalSeconds,6:F2} {step.ReplaceLineEndings("; ")}\n");
        lock (s_lock)
            File.AppendAllText(s_file!, line);
    }
}
