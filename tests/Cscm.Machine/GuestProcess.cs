using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace Cscm.Machine;

/// <summary>A command that runs in the machine. Thread-safe.</summary>
public sealed class GuestProcess
{
    private readonly Lock _lock = new();
    private readonly string _command;
    private readonly Func<int, Task> _signal;
    private readonly ArrayBufferWriter<byte> _output = new(), _error = new();
    private readonly TaskCompletionSource<ExecResult> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal GuestProcess(string command, Func<int, Task> signal)
    {
        _command = command;
        _signal = signal;
    }

    /// <summary>What it wrote to standard output until now.</summary>
    public string Output => Text(_output);

    /// <summary>What it wrote to standard error until now.</summary>
    public string Error => Text(_error);

    /// <exception cref="MachineException">The machine ended first.</exception>
    public Task<ExecResult> WaitForExitAsync(CancellationToken cancellationToken = default) => _ended.Task.WaitAsync(cancellationToken);

    /// <summary>Waits until standard output holds a match.</summary>
    /// <exception cref="MachineException">The command or the machine ended without one.</exception>
    public async Task WaitForOutputAsync(string pattern, CancellationToken cancellationToken = default)
    {
        var regex = new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        while (true)
        {
            // Taken before the text is read, so that no change falls between the two.
            Task changed;
            lock (_lock)
                changed = _changed.Task;
            bool hasEnded = _ended.Task.IsCompleted;
            if (regex.IsMatch(Output))
                return;
            if (hasEnded)
                throw new MachineException($"'{_command}' ended without writing '{pattern}'\n{Output}{Error}");
            await changed.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Sends a signal to it and its children.</summary>
    public Task SignalAsync(int signal) => _signal(signal);

    internal void Append(bool isError, ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
            (isError ? _error : _output).Write(bytes);
        NotifyChange();
    }

    internal void End(int exitCode)
    {
        _ended.TrySetResult(new ExecResult(_command, exitCode, Output, Error));
        NotifyChange();
    }

    internal void Lose()
    {
        if (_ended.TrySetException(new MachineException($"the machine ended while '{_command}' ran\n{Output}{Error}")))
            _ = _ended.Task.Exception; // observed: not every caller waits
        NotifyChange();
    }

    private string Text(ArrayBufferWriter<byte> stream)
    {
        lock (_lock)
            return Encoding.UTF8.GetString(stream.WrittenSpan);
    }

    private void NotifyChange()
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            changed = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        changed.SetResult();
    }
}
