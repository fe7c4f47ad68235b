using System.Runtime.InteropServices;
using Cscm.Memory.CrashTests.Model;
using Cscm.Memory.Medium;

namespace Cscm.Memory.CrashTests.Exploration;

/// <summary>A state from which recovery did not lead back to what the application was promised.</summary>
internal sealed record Violation(string Scenario, int EventIndex, int AcknowledgedSteps, string Problem, LineChoice[] State)
{
    public override string ToString()
        => $"{Scenario}: power failure after event {EventIndex} with {AcknowledgedSteps} steps acknowledged: {Problem}; "
            + $"uncertain lines at {string.Join(", ", State.Take(12).Select(choice => $"0x{(long)choice.Line * MediumModel.LineBytes:x}"))}";
}

/// <param name="DistinctStates">Different images (of different promises) that were recovered.</param>
/// <param name="EventCount">Events of the run.</param>
/// <param name="Violations">Those found, at most <see cref="Explorer.MaximumViolations"/>.</param>
internal sealed record ExplorationResult(long DistinctStates, int EventCount, IReadOnlyList<Violation> Violations);

/// <summary>
/// Walks a recorded run, and at each event recovers every state that a power failure could leave there: what was acknowledged must be
/// there, what was in flight must be there whole or not at all.
/// </summary>
internal static class Explorer
{
    public const int MaximumViolations = 3;

    /// <param name="run">What to walk.</param>
    /// <param name="sampleCount">States per event where there are too many for all.</param>
    /// <param name="seed">Seeds the samples; printed by the tests.</param>
    /// <param name="dropped">A check on reading that recovery leaves out: a mutation.</param>
    /// <param name="part">Which part of the events this call examines, of how many: so that calls can run in parallel.</param>
    /// <param name="ofParts">See <paramref name="part"/>.</param>
    public static ExplorationResult Explore(RecordedRun run, int sampleCount, int seed, PersistSite? dropped = null, int part = 0, int ofParts = 1)
    {
        var model = new MediumModel(run.Scenario.Domain, run.Start);
        using var bed = new RecoveryBed(run.Scenario, run.Start, dropped);
        var violations = new List<Violation>();
        var seen = new HashSet<ulong>();
        var hash = new ImageHash(model.Certain);
        int acknowledged = 0;
        int eventIndex = 0;
        for (; eventIndex < run.Events.Count && violations.Count < MaximumViolations; eventIndex++)
        {
            TraceEvent item = run.Events[eventIndex];
            model.Apply(item);
            bed.Settle(model);
            hash.Settle(model);
            bool isAcknowledgement = item.Kind == TraceKind.Acknowledged;
            if (isAcknowledgement)
                acknowledged = (int)item.OffsetBytes + 1;
            // Write-backs and fences leave no state that was not possible before, but for a fence that mends nothing: the acknowledgement sees that.
            bool isWorth = isAcknowledgement || item.Kind is TraceKind.Stored or TraceKind.Streamed or TraceKind.Resized;
            if (!isWorth || eventIndex % ofParts != part)
                continue;
            bool isInFlight = !isAcknowledgement && acknowledged < run.Scenario.StepCount;
            var random = new Random(HashCode.Combine(seed, eventIndex));
            foreach (LineChoice[] state in CrashStates.Enumerate(model, sampleCount, random))
            {
                ulong key = hash.With(model, state) ^ ((ulong)acknowledged << 1) ^ (isInFlight ? 1u : 0u);
                if (seen.Add(key) && Examine(run, model, bed, state, acknowledged, isInFlight) is string problem)
                {
                    violations.Add(new Violation(run.Scenario.Name, eventIndex, acknowledged, problem, state));
                    if (violations.Count == MaximumViolations)
                        break;
                }
            }
        }
        return new ExplorationResult(seen.Count, eventIndex, violations);
    }

    private static string? Examine(RecordedRun run, MediumModel model, RecoveryBed bed, LineChoice[] state, int acknowledged, bool isInFlight)
    {
        string? problem = null;
        try
        {
            bed.Examine(model, state, heap =>
            {
                ulong fingerprint = run.Scenario.Observe(heap);
                if (fingerprint != run.Fingerprints[acknowledged] && !(isInFlight && fingerprint == run.Fingerprints[acknowledged + 1]))
                    problem = $"the application sees {Place(run, fingerprint)}";
            });
        }
        catch (Exception exception)
        {
            return $"{exception.GetType().Name}: {exception.Message}";
        }
        return problem;
    }

    private static string Place(RecordedRun run, ulong fingerprint)
    {
        int step = run.Fingerprints.ToList().IndexOf(fingerprint);
        return step < 0 ? "a state that never was" : $"the state after step {step}";
    }

    /// <summary>A hash of the whole image that changes with single lines.</summary>
    private sealed class ImageHash
    {
        private readonly Dictionary<int, ulong> _lines = [];
        private ulong _sum;

        public ImageHash(ReadOnlySpan<byte> image)
        {
            for (int line = 0; line < image.Length / MediumModel.LineBytes; line++)
                Add(line, MemoryMarshal.Cast<byte, ulong>(image.Slice(line * MediumModel.LineBytes, MediumModel.LineBytes)));
        }

        public void Settle(MediumModel model)
        {
            foreach (int line in model.Settled)
            {
                _sum -= _lines.GetValueOrDefault(line);
                Add(line, model.CertainLine(line));
            }
        }

        public ulong With(MediumModel model, LineChoice[] state)
        {
            ulong sum = _sum;
            foreach (LineChoice choice in state)
                sum += Hash(choice.Line, choice.Content) - Hash(choice.Line, model.CertainLine(choice.Line));
            return sum * 0xD6E8_FEB8_6659_FD93;
        }

        private void Add(int line, ReadOnlySpan<ulong> content)
        {
            ulong hash = Hash(line, content);
            _lines[line] = hash;
            _sum += hash;
        }

        private static ulong Hash(int line, ReadOnlySpan<ulong> content)
        {
            ulong hash = (ulong)line + 0x9E37_79B9_7F4A_7C15;
            foreach (ulong word in content)
                hash = System.Numerics.BitOperations.RotateLeft((hash ^ word) * 0xBF58_476D_1CE4_E5B9, 31);
            return hash ^ (hash >> 29);
        }
    }
}
