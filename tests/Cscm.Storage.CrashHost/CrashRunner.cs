using Mono.Unix.Native;

namespace Cscm.Storage.CrashHost;

/// <summary>Takes one scenario to its crashes and back.</summary>
internal sealed class CrashRunner(string root, string name)
{
    /// <summary>In these the operation is repeated after the crash; in the others nobody ever asks again.</summary>
    private const string Repeated = "repeated", Abandoned = "abandoned";

    private readonly Scenario _scenario = Scenarios.All.Single(scenario => scenario.Name == name);

    public async Task RunBaselineAsync()
    {
        string directory = Directory.CreateDirectory(Path.Combine(root, Repeated)).FullName;
        var observer = new StoppingObserver();
        Bench bench = await Bench.OpenAsync(directory, observer);
        await _scenario.SetUp(bench);
        observer.Arm(-1);
        await _scenario.Operate(bench);
        observer.Disarm();
        Report("steps", string.Join(' ', observer.Steps));
        await FinishAsync(bench, directory, repeats: true);
    }

    public async Task RunAndDieAsync(int from, int to)
    {
        foreach (int step in Enumerable.Range(from, to - from))
        {
            foreach (string variant in new[] { Repeated, Abandoned })
            {
                string directory = Directory.CreateDirectory(Path.Combine(root, $"{variant}-{step}")).FullName;
                var observer = new StoppingObserver();
                Bench bench = await Bench.OpenAsync(directory, observer);
                await _scenario.SetUp(bench);
                observer.Arm(step);
                Task operation = Task.Run(() => _scenario.Operate(bench));
                if (await Task.WhenAny(operation, observer.Stopped) == operation)
                {
                    await operation;
                    throw new InvalidOperationException($"the operation ended before step {step}");
                }
                Report("stopped", $"{Path.GetFileName(directory)} {await observer.Stopped}");
            }
        }
        Die();
    }

    public async Task RecoverAsync(int step)
    {
        var open = new List<(string Directory, Task<Bench> Bench, StoppingObserver Observer)>();
        foreach (string directory in Directory.EnumerateDirectories(root).Order(StringComparer.Ordinal))
        {
            var observer = new StoppingObserver();
            observer.Arm(step);
            Task<Bench> bench = Task.Run(() => Bench.OpenAsync(directory, observer));
            await Task.WhenAny(bench, observer.Stopped);
            open.Add((directory, bench, observer));
        }
        foreach ((string directory, _, StoppingObserver observer) in open.Where(one => one.Observer.Stopped.IsCompleted))
            Report("recovery-stopped", $"{Path.GetFileName(directory)} {await observer.Stopped}");
        if (open.Exists(one => one.Observer.Stopped.IsCompleted))
            Die();
        foreach ((string directory, Task<Bench> bench, StoppingObserver observer) in open)
        {
            observer.Disarm();
            await FinishAsync(await bench, directory, repeats: Path.GetFileName(directory).StartsWith(Repeated, StringComparison.Ordinal));
        }
    }

    private static void Die()
    {
        Console.Out.Flush();
        Syscall.kill(Syscall.getpid(), Signum.SIGKILL);
    }

    private static void Report(string what, string value) => Console.Out.WriteLine($"== {what} {value}");

    /// <summary>Repeats the operation, tells the state, and takes everything down by calls.</summary>
    private async Task FinishAsync(Bench bench, string directory, bool repeats)
    {
        string label = Path.GetFileName(directory);
        try
        {
            Invariants.Require(bench, directory);
            if (repeats)
            {
                await _scenario.Operate(bench);
                Report($"state-{label}", StateDump.Take(bench, directory).Replace(directory, "ROOT", StringComparison.Ordinal));
                if (_scenario.Verify is not null)
                    await _scenario.Verify(bench);
            }
            await bench.TakeDownAsync();
            Report($"left-{label}", string.Join('\n', Leftovers.Find(bench, directory)));
        }
        catch (Exception e)
        {
            Report($"failure-{label}", e.ToString());
        }
    }
}
