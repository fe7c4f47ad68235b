namespace Cscm.Storage.Conformance;

/// <summary>
/// The driver dies at a step: this exception ends whatever reached it, and every later step of that host as well, so that nothing
/// more has a side effect, neither clean-up nor the eraser. What SIGKILL does, with a process that lives on to look at the remains: starting
/// one takes seconds in the machine. (Real SIGKILLs: Cscm.Storage.CrashHost; real power cuts: Cscm.Machine.Tests.)
/// </summary>
internal sealed class DeathException(string step) : Exception($"the driver died before {step}");

/// <summary>Counts the steps of a host, and lets it die at a chosen one.</summary>
internal sealed class Death : IStepObserver
{
    private readonly Lock _lock = new();
    private int _count;
    private int _stopAt = -1;

    /// <summary>Where the host died; null while it lives.</summary>
    public string? DiedBefore { get; private set; }

    /// <summary>From now on, dies at the step of this number (from zero).</summary>
    public void Arm(int stopAt)
    {
        lock (_lock)
            (_count, _stopAt) = (0, stopAt);
    }

    public void Reached(string step)
    {
        lock (_lock)
        {
            if (_stopAt >= 0 && _count++ == _stopAt)
                DiedBefore = step;
            if (DiedBefore is not null)
                throw new DeathException(step);
        }
    }
}
