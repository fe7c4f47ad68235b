using System.Runtime.ExceptionServices;

namespace Cscm.Memory.CrashTests.Scenarios;

/// <summary>A thread of its own that runs one piece of work at a time while the caller waits: concurrency without chance.</summary>
internal sealed class SerialThread : IDisposable
{
    private readonly SemaphoreSlim _wanted = new(0);
    private readonly SemaphoreSlim _done = new(0);
    private readonly Thread _thread;
    private Action? _work;
    private ExceptionDispatchInfo? _failure;

    public SerialThread()
    {
        _thread = new Thread(Loop) { IsBackground = true };
        _thread.Start();
    }

    public void Run(Action work)
    {
        _work = work;
        _wanted.Release();
        _done.Wait();
        _failure?.Throw();
    }

    public void Dispose()
    {
        _work = null;
        _wanted.Release();
        _thread.Join();
        _wanted.Dispose();
        _done.Dispose();
    }

    private void Loop()
    {
        while (true)
        {
            _wanted.Wait();
            if (_work is null)
                return;
            try
            {
                _work();
            }
            catch (Exception exception)
            {
                _failure = ExceptionDispatchInfo.Capture(exception);
            }
            _done.Release();
        }
    }
}
