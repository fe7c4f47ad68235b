using System.CommandLine;
using Cscm.Bench.Memory.Stream;

namespace Cscm.Cli.Bench;

/// <summary><c>cscm bench stream</c>: the memory bandwidth of a volume, of anonymous memory, or of any directory.</summary>
internal static class StreamCommand
{
    public static Command Create()
    {
        var path = new Option<string?>("--path") { Description = "A directory or a new file, mapped shared; its space is given back at the end" };
        var anonymous = new Option<bool>("--anonymous") { Description = "Ordinary memory instead, for comparison" };
        var durable = new Option<bool>("--durable") { Description = "After each kernel, write its result to the medium (msync); that time counts" };
        var elements = new Option<int>("--elements") { Description = "Doubles per array", DefaultValueFactory = _ => 5_000_000 };
        var repetitions = new Option<int>("--repetitions") { Description = "Each kernel's best counts, the first apart", DefaultValueFactory = _ => 10 };
        var machine = new Option<bool>("--machine") { Description = "One line of key=value pairs" };
        var command = new Command("stream", "Run STREAM: COPY, SCALE, ADD and TRIAD over three arrays of doubles")
        {
            path, anonymous, durable, elements, repetitions, machine,
        };
        command.SetAction(parsed => BenchCommand.Run("stream", () => Run(
            parsed.GetValue(path),
            parsed.GetValue(anonymous),
            parsed.GetValue(durable),
            parsed.GetValue(elements),
            parsed.GetValue(repetitions),
            parsed.GetValue(machine))));
        return command;
    }

    private static void Run(string? path, bool isAnonymous, bool isDurable, int elements, int repetitions, bool isMachine)
    {
        if (path is null != isAnonymous)
            throw new WorkloadException("where should the arrays lie? Give either --path or --anonymous");
        if (isAnonymous && isDurable)
            throw new WorkloadException("anonymous memory has no medium: leave --durable out");
        int count = elements / StreamKernels.CountMultiple * StreamKernels.CountMultiple;
        if (count <= 0 || repetitions <= 0)
            throw new WorkloadException($"--elements must be at least {StreamKernels.CountMultiple}, and --repetitions positive");

        long sizeBytes = StreamWorkload.SizeBytes(count);
        using MappedRegion memory = path is null ? MappedRegion.Anonymous(sizeBytes) : MappedRegion.OnNewFile(path, sizeBytes);
        StreamResult result = new StreamWorkload(memory, count).Run(repetitions, isDurable);
        string pages = memory.HasHugePages() ? "2M" : "4K";
        if (isMachine)
        {
            Console.WriteLine($"copy_gbs={result.Copy:0.000} scale_gbs={result.Scale:0.000} add_gbs={result.Add:0.000} triad_gbs={result.Triad:0.000} "
                + $"pages={pages} elements={count} repetitions={repetitions} durable={(isDurable ? 1 : 0)}");
            return;
        }
        Console.WriteLine($"STREAM on {path ?? "anonymous memory"}, three arrays of {count} doubles, {pages} pages"
            + $"{(isDurable ? ", written to the medium after each kernel" : "")}; best of {repetitions}, GB/s");
        Console.WriteLine($"COPY {result.Copy:0.00}   SCALE {result.Scale:0.00}   ADD {result.Add:0.00}   TRIAD {result.Triad:0.00}");
    }
}
