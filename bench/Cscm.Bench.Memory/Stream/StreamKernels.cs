using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cscm.Bench.Memory.Stream;

/// <summary>How a STREAM kernel stores its results.</summary>
public enum StreamVariant
{
    /// <summary>One element at a time, through the cache.</summary>
    Scalar,

    /// <summary>Vectors past the cache: the target is not read first, which saves a third to a half of the traffic. x86 with AVX only.</summary>
    NonTemporal,
}

/// <summary>
/// The four kernels of STREAM (J. D. McCalpin, "Memory Bandwidth and Machine Balance in Current High Performance Computers", 1995) on
/// raw memory: <c>target[i] = first[i]</c> (COPY), <c>scalar * first[i]</c> (SCALE), <c>first[i] + second[i]</c> (ADD),
/// <c>first[i] + scalar * second[i]</c> (TRIAD). Free of dependencies, so that other projects can compile this file too.
/// </summary>
/// <remarks>
/// Callers guarantee that each pointer addresses <c>count</c> elements, is aligned to <see cref="AlignmentBytes"/> and that
/// <c>count</c> is a multiple of <see cref="CountMultiple"/>; nothing is checked here. Safe from several threads on disjoint targets.
/// The non-temporal kernels end with a store fence, so their stores are globally visible on return.
/// </remarks>
public static unsafe class StreamKernels
{
    public const int AlignmentBytes = 64;
    public const int CountMultiple = 8;

    public static bool IsSupported(StreamVariant variant) => variant == StreamVariant.Scalar || Avx.IsSupported;

    public static void Copy(StreamVariant variant, double* target, double* first, long count)
    {
        if (variant == StreamVariant.Scalar)
            CopyScalar(target, first, count);
        else
            CopyNonTemporal(target, first, count);
    }

    public static void Scale(StreamVariant variant, double* target, double* first, double scalar, long count)
    {
        if (variant == StreamVariant.Scalar)
            ScaleScalar(target, first, scalar, count);
        else
            ScaleNonTemporal(target, first, scalar, count);
    }

    public static void Add(StreamVariant variant, double* target, double* first, double* second, long count)
    {
        if (variant == StreamVariant.Scalar)
            AddScalar(target, first, second, count);
        else
            AddNonTemporal(target, first, second, count);
    }

    public static void Triad(StreamVariant variant, double* target, double* first, double* second, double scalar, long count)
    {
        if (variant == StreamVariant.Scalar)
            TriadScalar(target, first, second, scalar, count);
        else
            TriadNonTemporal(target, first, second, scalar, count);
    }

    private static void CopyScalar(double* target, double* first, long count)
    {
        for (long i = 0; i < count; i++)
            target[i] = first[i];
    }

    private static void ScaleScalar(double* target, double* first, double scalar, long count)
    {
        for (long i = 0; i < count; i++)
            target[i] = scalar * first[i];
    }

    private static void AddScalar(double* target, double* first, double* second, long count)
    {
        for (long i = 0; i < count; i++)
            target[i] = first[i] + second[i];
    }

    private static void TriadScalar(double* target, double* first, double* second, double scalar, long count)
    {
        for (long i = 0; i < count; i++)
            target[i] = first[i] + (scalar * second[i]);
    }

    // Below, a turn stores one cache line without a pause, so that it leaves its write-combining buffer whole. 512-bit vectors were
    // measured and are no faster.
    private static void CopyNonTemporal(double* target, double* first, long count)
    {
        for (long i = 0; i < count; i += CountMultiple)
        {
            Vector256<double> low = Vector256.LoadAligned(first + i);
            Vector256<double> high = Vector256.LoadAligned(first + i + 4);
            Avx.StoreAlignedNonTemporal(target + i, low);
            Avx.StoreAlignedNonTemporal(target + i + 4, high);
        }

        Sse.StoreFence();
    }

    private static void ScaleNonTemporal(double* target, double* first, double scalar, long count)
    {
        Vector256<double> factor = Vector256.Create(scalar);
        for (long i = 0; i < count; i += CountMultiple)
        {
            Vector256<double> low = factor * Vector256.LoadAligned(first + i);
            Vector256<double> high = factor * Vector256.LoadAligned(first + i + 4);
            Avx.StoreAlignedNonTemporal(target + i, low);
            Avx.StoreAlignedNonTemporal(target + i + 4, high);
        }

        Sse.StoreFence();
    }

    private static void AddNonTemporal(double* target, double* first, double* second, long count)
    {
        for (long i = 0; i < count; i += CountMultiple)
        {
            Vector256<double> low = Vector256.LoadAligned(first + i) + Vector256.LoadAligned(second + i);
            Vector256<double> high = Vector256.LoadAligned(first + i + 4) + Vector256.LoadAligned(second + i + 4);
            Avx.StoreAlignedNonTemporal(target + i, low);
            Avx.StoreAlignedNonTemporal(target + i + 4, high);
        }

        Sse.StoreFence();
    }

    private static void TriadNonTemporal(double* target, double* first, double* second, double scalar, long count)
    {
        Vector256<double> factor = Vector256.Create(scalar);
        for (long i = 0; i < count; i += CountMultiple)
        {
            Vector256<double> low = Vector256.LoadAligned(first + i) + (factor * Vector256.LoadAligned(second + i));
            Vector256<double> high = Vector256.LoadAligned(first + i + 4) + (factor * Vector256.LoadAligned(second + i + 4));
            Avx.StoreAlignedNonTemporal(target + i, low);
            Avx.StoreAlignedNonTemporal(target + i + 4, high);
        }

        Sse.StoreFence();
    }
}
