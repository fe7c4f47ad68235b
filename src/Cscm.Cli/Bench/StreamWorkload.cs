using System.Diagnostics;
using Cscm.Bench.Memory.Stream;

namespace Cscm.Cli.Bench;

/// <summary>GB/s (10^9 bytes a second) of each kernel's best run, counted as STREAM does: every operand once.</summary>
internal readonly record struct StreamResult(double Copy, double Scale, double Add, double Triad);

/// <summary>STREAM's three arrays in one mapped region, and the runs over them. Not thread-safe.</summary>
internal sealed unsafe class StreamWorkload
{
    // sqrt(2) - 1: one sweep multiplies a by 2s + s² = 1, so that any number of sweeps keeps the values in range.
    private const double Scalar = 0.41421356237309504880;
    private const double InitialA = 1;
    private const double Tolerance = 1e-12;

    private readonly MappedRegion _memory;
    private readonly double* _a;
    private readonly double* _b;
    private readonly double* _c;
    private readonly int _count;
    private readonly StreamVariant _variant;

    /// <param name="memory">At least <see cref="SizeBytes"/> bytes; outlives this object.</param>
    /// <param name="count">Elements per array, a multiple of <see cref="StreamKernels.CountMultiple"/>.</param>
    public StreamWorkload(MappedRegion memory, int count)
    {
        long strideBytes = SizeBytes(count) / 3;
        if (memory.SizeBytes < 3 * strideBytes)
            throw new ArgumentException($"The region has {memory.SizeBytes} bytes: the arrays need {3 * strideBytes}.", nameof(memory));
        _memory = memory;
        _count = count;
        _a = (double*)memory.Pointer;
        _b = (double*)(memory.Pointer + strideBytes);
        _c = (double*)(memory.Pointer + (2 * strideBytes));
        _variant = StreamKernels.IsSupported(StreamVariant.NonTemporal) ? StreamVariant.NonTemporal : StreamVariant.Scalar;
        new Span<double>(_a, count).Fill(InitialA);
        new Span<double>(_b, count).Fill(2);
        new Span<double>(_c, count).Clear();
    }

    public static long SizeBytes(int count) => 3 * (((long)count * sizeof(double) + 4095) / 4096 * 4096);

    /// <param name="repetitions">Timed sweeps; one more runs before them, unmeasured.</param>
    /// <param name="isDurable">Each kernel's time includes writing its result to the medium.</param>
    /// <exception cref="WorkloadException">The arrays do not hold what the kernels must have left.</exception>
    public StreamResult Run(int repetitions, bool isDurable)
    {
        Span<TimeSpan> best = [TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue];
        for (int sweep = 0; sweep <= repetitions; sweep++)
        {
            for (int kernel = 0; kernel < best.Length; kernel++)
            {
                TimeSpan elapsed = Time(kernel, isDurable);
                if (sweep > 0 && elapsed < best[kernel])
                    best[kernel] = elapsed;
            }
        }
        Check();
        return new StreamResult(Bandwidth(2, best[0]), Bandwidth(2, best[1]), Bandwidth(3, best[2]), Bandwidth(3, best[3]));
    }

    private TimeSpan Time(int kernel, bool isDurable)
    {
        long start = Stopwatch.GetTimestamp();
        double* target = RunKernel(kernel);
        if (isDurable)
            _memory.Flush((byte*)target - _memory.Pointer, (long)_count * sizeof(double));
        return Stopwatch.GetElapsedTime(start);
    }

    private double* RunKernel(int kernel)
    {
        switch (kernel)
        {
            case 0:
                StreamKernels.Copy(_variant, _c, _a, _count);
                return _c;
            case 1:
                StreamKernels.Scale(_variant, _b, _c, Scalar, _count);
                return _b;
            case 2:
                StreamKernels.Add(_variant, _c, _a, _b, _count);
                return _c;
            default:
                StreamKernels.Triad(_variant, _a, _b, _c, Scalar, _count);
                return _a;
        }
    }

    private void Check()
    {
        const double B = Scalar * InitialA;
        const double C = InitialA + B;
        for (int i = 0; i < _count; i++)
        {
            if (!(Math.Abs(_a[i] - InitialA) < Tolerance && Math.Abs(_b[i] - B) < Tolerance && Math.Abs(_c[i] - C) < Tolerance))
                throw new WorkloadException($"STREAM: element {i} is wrong (a={_a[i]} b={_b[i]} c={_c[i]}): this memory loses what is written to it");
        }
    }

    private double Bandwidth(int operands, TimeSpan time) => operands * (double)_count * sizeof(double) / time.TotalNanoseconds;
}
