using System.Runtime.InteropServices;
using Csi.V1;
using Cscm.Csi.Tests.Driver;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>What SIGTERM ends: the driver, but no call that it has begun.</summary>
public sealed class StopTests
{
    private const int SignalContinue = 18, SignalStop = 19;

    /// <summary>Longer than a command line is given by default to end after SIGTERM.</summary>
    private static readonly TimeSpan s_held = TimeSpan.FromSeconds(4), s_limit = TimeSpan.FromMinutes(2);

    [DriverFact]
    public async Task Calls_in_flight_are_answered_before_the_driver_ends()
    {
        await using DriverProcess driver = await DriverProcess.StartAsync(DriverFixture.Executable, PoolCase.Pools);
        (Task<CreateVolumeResponse[]> creations, int tool) = await HoldAsync(driver).WaitAsync(s_limit);
        try
        {
            driver.Terminate();
            await Task.Delay(s_held);
            Assert.False(driver.HasExited, $"the driver ended with {driver.ExitCodeOrNull} while a call was in flight:\n{driver.Log}");
        }
        finally
        {
            _ = Kill(tool, SignalContinue);
        }
        Assert.All(await creations.WaitAsync(s_limit), answer => Assert.NotEmpty(answer.Volume.VolumeId));
        await driver.StopAsync();
        Assert.Equal(0, driver.ExitCodeOrNull);
    }

    /// <summary>Makes volumes until a mkfs of the driver's is caught at its work, and holds it there.</summary>
    private static async Task<(Task<CreateVolumeResponse[]> Creations, int Tool)> HoldAsync(DriverProcess driver)
    {
        while (true)
        {
            var creations = Task.WhenAll(Enumerable.Range(0, 4).Select(
                _ => driver.Client.Controller.CreateVolumeAsync(PoolCase.Of("ext4").Create($"pvc-{Guid.NewGuid():N}")).ResponseAsync));
            while (!creations.IsCompleted)
            {
                foreach (int tool in ChildrenOf(driver.ProcessId))
                {
                    if (Kill(tool, SignalStop) == 0 && await BecomesAsync(tool, 'T'))
                        return (creations, tool);
                }
                await Task.Yield();
            }
            await creations;
        }
    }

    private static IEnumerable<int> ChildrenOf(int parent)
        => Directory.GetDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)).Select(int.Parse!).Where(process => Stat(process) is { } stat && stat.Parent == parent);

    private static async Task<bool> BecomesAsync(int process, char state)
    {
        for (int attempt = 0; attempt < 100 && Stat(process) is { State: not 'Z' } stat; attempt++)
        {
            if (stat.State == state)
                return true;
            await Task.Delay(1);
        }
        return false;
    }

    /// <returns>Null for a process that is no more.</returns>
    private static (char State, int Parent)? Stat(int process)
    {
        try
        {
            // After the name, which may hold anything and ends at the last parenthesis.
            string[] fields = File.ReadAllText($"/proc/{process}/stat").Split(") ")[^1].Split(' ');
            return (fields[0][0], int.Parse(fields[1]));
        }
        catch (IOException)
        {
            return null;
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int processId, int signal);
}
