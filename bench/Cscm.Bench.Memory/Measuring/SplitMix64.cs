namespace Cscm.Bench.Memory.Measuring;

/// <summary>
/// The numbers that the benchmarks and the peers (bench/peers/peer.h) both draw: the outputs of splitmix64 (Steele, Lea, Flood: "Fast
/// Splittable Pseudorandom Number Generators", OOPSLA 2014) by index, so that both sides see the same keys and places.
/// </summary>
public static class SplitMix64
{
    public static ulong At(ulong seed, ulong index)
    {
        ulong z = unchecked(seed + ((index + 1) * 0x9E3779B97F4A7C15));
        z = unchecked((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9);
        z = unchecked((z ^ (z >> 27)) * 0x94D049BB133111EB);
        return z ^ (z >> 31);
    }

    /// <summary>A number below <paramref name="range"/>: the high half of a product (Lemire 2019), as the peers compute it.</summary>
    public static ulong Below(ulong range, ulong seed, ulong index) => Math.BigMul(At(seed, index), range, out _);
}
