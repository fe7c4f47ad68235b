using Cscm.Memory.CrashTests.Model;
using Cscm.Memory.Medium;

namespace Cscm.Memory.CrashTests.Exploration;

/// <summary>A state from which recovery did not lead back to what the application was promised.</summary>
internal sealed record Violation(string Scenario, int EventIndex, string Acknowledged, string Problem, LineChoice[] State)
{
    public override string ToString()
        => $"{Scenario}: power failure after event {EventIndex} with {Acknowledged} steps acknowledged: {Problem}; "
            + $"uncertain lines at {string.Join(", ", State.Take(12).Select(choice => $"0x{(long)choice.Line * MediumModel.LineBytes:x}"))}";
}

/// <param name="DistinctStates">Different images, at different promises, that were recovered.</param>
/// <param name="RecoveryStates">Of those, how many were power failures during a recovery.</param>
/// <param name="EventCount">Events of the run.</param>
/// <param name="Violations">Those found, at most <see cref="Explorer.MaximumViolations"/>.</param>
internal sealed record ExplorationResult(long DistinctStates, long RecoveryStates, int EventCount, IReadOnlyList<Violation> Violations);

/// <summary>How far an exploration goes.</summary>
internal sealed record ExplorationOptions
{
    /// <summary>Multiplies the scenarios' own samples per event.</summary>
    public double Thoroughness { get; init; } = 1;

    /// <summary>Of so many states, one's recovery is itself cut short, at every event; 0 for none.</summary>
    public int RecoveryEvery { get; init; } = 1000;

    /// <summary>Seeds the samples; printed by the tests.</summary>
    public int Seed { get; init; } = 20_161;

    /// <summary>A check on reading that recovery leaves out: a mutation.</summary>
    public PersistSite? Dropped { get; init; }

    /// <summary>This call examines the events whose number leaves <see cref="Part"/> when divided by it, so that calls run in parallel.</summary>
    public int PartCount { get; init; } = 1;

    public int Part { get; init; }
}

/// <summary>
/// Walks a recorded run, and at each event recovers every state that a power failure could leave there: what was acknowledged must be
/// there, what was in flight must be there whole or not at all.
/// </summary>
internal static class Explorer
{
    public const int MaximumViolations = 3;

    public static ExplorationResult Explore(RecordedRun run, ExplorationOptions options)
    {
        var model = new MediumModel(run.Scenario.Domain, run.Start);
        using var bed = new RecoveryBed(run.Scenario, run.Start, options.Dropped);
        var promise = new Promise(run);
        var hash = new ImageHash(model.Certain);
        var seen = new HashSet<ulong>();
        var violations = new List<Violation>();
        int sampleCount = Math.Max(2, (int)(run.Scenario.SamplesPerEvent * options.Thoroughness));
        var seenInRecovery = new HashSet<ulong>();
        for (int i = 0; i < run.Events.Count && violations.Count < MaximumViolations; i++)
        {
            TraceEvent item = run.Events[i];
            model.Apply(item);
            bed.Settle(model);
            hash.Settle(model);
            if (item.Kind == TraceKind.Acknowledged)
                promise.Acknowledge((int)item.OffsetBytes);
            else
                promise.Continue();
            // A write-back or fence leaves no state that was not possible before it. That it was needed shows at the acknowledgement.
            bool isQuiet = item.Kind is TraceKind.WroteBack or TraceKind.Fenced;
            if (isQuiet || i % options.PartCount != options.Part)
                continue;
            var random = new Random(HashCode.Combine(options.Seed, i));
            foreach (LineChoice[] state in CrashStates.Enumerate(model, sampleCount, random))
            {
                if (!seen.Add(hash.With(model, state) ^ promise.Key))
                    continue;
                string? problem = bed.Examine(model, state, promise);
                if (problem is null && options.RecoveryEvery > 0 && seen.Count % options.RecoveryEvery == 0)
                    problem = bed.ExamineRecovery(model, state, promise, random, seenInRecovery);
                if (problem is not null)
                    violations.Add(new Violation(run.Scenario.Name, i, promise.Description, problem, state));
                if (violations.Count == MaximumViolations)
                    break;
            }
        }
        int recoveryCount = seenInRecovery.Count;
        seen.UnionWith(seenInRecovery);
        return new ExplorationResult(seen.Count, recoveryCount, run.Events.Count, violations);
    }
}
