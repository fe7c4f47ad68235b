namespace Cscm.Storage.CrashHost;

/// <summary>Counts steps while armed, and never returns from the chosen one.</summary>
internal sealed class StoppingObserver : IStepObserver
{
    private readonly TaskCompletionSource<string> _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _count;
    private int _stopAt = -1;
    private bool _isArmed;

    public List<string> Steps { get; } = [];

    /// <summary>Completes, with the step's name, when the chosen step is reached.</summary>
    public Task<string> Stopped => _stopped.Task;

    public void Arm(int stopAt) => (_stopAt, _count, _isArmed) = (stopAt, 0, true);

    public void Disarm() => _isArmed = false;

    public void Reached(string step)
    {
        if (!_isArmed)
            return;
        if (_count++ == _stopAt)
        {
            _stopped.SetResult(step);
            Thread.Sleep(Timeout.Infinite);
        }
        Steps.Add(step);
    }
}
