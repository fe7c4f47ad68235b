namespace Cscm.Bench.Memory.Measuring;

/// <summary>Times a batch of operations of ours.</summary>
public static class Batch
{
    /// <returns>Nanoseconds per operation.</returns>
    public static double Time(int operations, Action<int> run)
    {
        double start = Clock.Nanoseconds();
        run(operations);
        return (Clock.Nanoseconds() - start) / operations;
    }

    /// <summary>
    /// Runs small batches until the JIT compiler has given the batch and all it calls their last form: it wants 30 calls, then a
    /// pause without new code, for each of its tiers.
    /// </summary>
    public static void WarmUp(int operations, Action<int> run)
    {
        for (int tier = 0; tier < 3; tier++)
        {
            for (int call = 0; call < 40; call++)
                run(operations);
            Thread.Sleep(150);
        }
    }
}
