using Cscm.Bench.Memory.Measuring;

namespace Cscm.Bench.Memory.Stream;

/// <summary>The three arrays of STREAM in memory given by the caller, and the sweep over them. Not thread-safe.</summary>
public sealed unsafe class StreamArrays
{
    // sqrt(2) - 1: one sweep multiplies a by 2s + s² = 1, so that any number of sweeps keeps the values in range.
    private const double Scalar = 0.41421356237309504880;
    private const double InitialA = 1;

    private readonly double* _a;
    private readonly double* _b;
    private readonly double* _c;
    private readonly long _count;

    /// <param name="memory">At least <see cref="SizeBytes"/> bytes, aligned to a page, that outlive this object.</param>
    /// <param name="count">Elements per array, a multiple of <see cref="StreamKernels.CountMultiple"/>.</param>
    public StreamArrays(byte* memory, long count)
    {
        long strideBytes = SizeBytes(count) / 3;
        _count = count;
        _a = (double*)memory;
        _b = (double*)(memory + strideBytes);
        _c = (double*)(memory + (2 * strideBytes));
        for (long i = 0; i < count; i++)
        {
            _a[i] = InitialA;
            _b[i] = 2;
            _c[i] = 0;
        }
    }

    public static long SizeBytes(long count) => 3 * ((count * sizeof(double) + 4095) / 4096 * 4096);

    /// <summary>Runs the four kernels once, in order.</summary>
    public SweepTimes Sweep(StreamVariant variant)
    {
        double start = Clock.Nanoseconds();
        StreamKernels.Copy(variant, _c, _a, _count);
        double copied = Clock.Nanoseconds();
        StreamKernels.Scale(variant, _b, _c, Scalar, _count);
        double scaled = Clock.Nanoseconds();
        StreamKernels.Add(variant, _c, _a, _b, _count);
        double added = Clock.Nanoseconds();
        StreamKernels.Triad(variant, _a, _b, _c, Scalar, _count);
        double done = Clock.Nanoseconds();
        return new SweepTimes(copied - start, scaled - copied, added - scaled, done - added);
    }

    /// <summary>Compares every element with what one or more sweeps leave.</summary>
    /// <exception cref="BenchException">A kernel computed something else.</exception>
    public void Check()
    {
        const double B = Scalar * InitialA;
        const double C = InitialA + B;
        for (long i = 0; i < _count; i++)
        {
            if (!(Math.Abs(_a[i] - InitialA) < 1e-12 && Math.Abs(_b[i] - B) < 1e-12 && Math.Abs(_c[i] - C) < 1e-12))
                throw new BenchException($"STREAM: element {i} is wrong: a={_a[i]} b={_b[i]} c={_c[i]}");
        }
    }
}

/// <summary>Nanoseconds of each kernel in one sweep.</summary>
public readonly record struct SweepTimes(double Copy, double Scale, double Add, double Triad)
{
    public double Total => Copy + Scale + Add + Triad;
}
