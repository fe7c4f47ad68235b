using Cscm.Memory.CrashTests.Model;
using Cscm.Memory.Medium;

namespace Cscm.Memory.CrashTests.Exploration;

/// <summary>
/// What a scenario did to its medium, and, track by track, what the application saw at the start and after each acknowledged step.
/// </summary>
internal sealed record RecordedRun(CrashScenario Scenario, byte[] Start, IReadOnlyList<TraceEvent> Events, IReadOnlyList<IReadOnlyList<ulong>> Fingerprints)
{
    /// <param name="scenario">The run.</param>
    /// <param name="dropped">A write-back or fence that the library leaves out: a mutation.</param>
    public static RecordedRun Record(CrashScenario scenario, PersistSite? dropped = null)
    {
        string path = Path.Combine("/dev/shm", $"cscm-crash-{Environment.ProcessId}-{Guid.NewGuid():N}");
        try
        {
            ScmHeapOptions options = scenario.Options with { Domain = scenario.Domain, BackgroundCheckpoints = false, Preallocate = false };
            byte[] start = scenario.Prepare(path, options);
            var recorder = new TraceRecorder(dropped, scenario.MayFail);
            List<ulong>[] fingerprints = [.. Enumerable.Range(0, scenario.TrackCount).Select(_ => new List<ulong>())];
            using (ScmHeap heap = scenario.Open(path, options with { Recorder = recorder }))
            {
                for (int track = 0; track < scenario.TrackCount; track++)
                    fingerprints[track].Add(scenario.AtStart ?? scenario.Observe(heap, track));
                scenario.Run(heap, recorder, track =>
                {
                    recorder.Acknowledge(track);
                    fingerprints[track].Add(scenario.Observe(heap, track));
                });
            }
            return new RecordedRun(scenario, start, [.. recorder.Events], fingerprints);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
