namespace Cscm.Kubernetes.Tests;

internal static class Eventually
{
    public static async Task TrueAsync(Func<bool> condition, TimeSpan? patience = null)
    {
        long startedAt = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(startedAt) < (patience ?? TimeSpan.FromSeconds(20)), "it did not come true in time");
            await Task.Delay(5);
        }
    }
}
