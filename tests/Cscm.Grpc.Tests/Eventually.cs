using System.Diagnostics;

namespace Cscm.Grpc.Tests;

internal static class Eventually
{
    /// <summary>Waits for what happens on the other side, soon but not at once.</summary>
    public static async Task TrueAsync(Func<bool> condition, string because = "it did not happen in time")
    {
        var clock = Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), because);
            await Task.Delay(10);
        }
    }
}
