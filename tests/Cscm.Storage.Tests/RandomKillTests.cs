using System.Diagnostics;
using System.Globalization;

namespace Cscm.Storage.Tests;

/// <summary>Parallel workers killed by SIGKILL at random moments, again and again, over the same state.</summary>
public sealed class RandomKillTests
{
    private const int Seed = 20161116;
    private const int Kills = 12;

    [Fact]
    public async Task Killed_at_random_and_started_over_it_loses_and_leaks_nothing()
    {
        string root = StoragePaths.NewDirectory();
        try
        {
            var random = new Random(Seed);
            int lives = 0;
            for (int i = 0; i < Kills; i++)
            {
                TimeSpan delay = TimeSpan.FromMilliseconds(random.Next(250, 1800));
                (string output, bool wasKilled) = await RunAndKillAsync(root, i, delay);
                Assert.True(wasKilled, $"kill {i} after {delay} (seed {Seed}): the workers ended before: {output}");
                lives += output.Split('\n').Count(line => line.StartsWith("life", StringComparison.Ordinal));
            }
            Assert.True(lives > 0, "no worker got through a life, so little was tested");
            // Time is up at once: only recovery, then everything is taken down.
            CrashRun last = await CrashHostProcess.RunAsync("churn", root, "0", "0");
            Assert.True(last.ExitCode == 0 && !last.Output.Contains("left ", StringComparison.Ordinal) && !last.Output.Contains("log: ", StringComparison.Ordinal), last.Output);
            Assert.Empty(StoragePaths.FindLeaks(root));
        }
        finally
        {
            StoragePaths.TakeDown(root);
        }
    }

    private static async Task<(string Output, bool WasKilled)> RunAndKillAsync(string root, int seed, TimeSpan delay)
    {
        using Process process = CrashHostProcess.Start("churn", root, seed.ToString(CultureInfo.InvariantCulture), "60");
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        await Task.WhenAny(process.WaitForExitAsync(), Task.Delay(delay));
        bool isRunning = !process.HasExited;
        process.Kill();
        await process.WaitForExitAsync();
        return (await output + await errors, isRunning && process.ExitCode == 137);
    }
}
