using System.Globalization;
using Cscm.Demo.Containers;

namespace Cscm.Demo.Story;

/// <summary>GB/s of STREAM's kernels on one kind of memory, and what that memory's content outlives.</summary>
internal sealed record StreamRow(string Name, string Memory, string Outlives, double Copy, double Scale, double Add, double Triad)
{
    public double Total => Copy + Scale + Add + Triad;
}

/// <summary>STREAM in one container, on every kind of memory that it can have.</summary>
internal sealed class StreamChapter(DemoOptions options)
{
    private readonly List<StreamRow> _rows = [];

    public IReadOnlyList<StreamRow> Rows => _rows;

    public async Task MeasureAnonymousAsync(Container container)
        => await MeasureAsync(container, "anonymous", "anonymous memory", "nothing", isDurable: false, ["--anonymous"]);

    /// <param name="container">Where it runs.</param>
    /// <param name="name">For programs.</param>
    /// <param name="memory">For people.</param>
    /// <param name="outlives">What the content survives.</param>
    /// <param name="path">In the container.</param>
    /// <param name="isDurable">The data is on the medium before a kernel counts as done.</param>
    public async Task MeasureMappedAsync(Container container, string name, string memory, string outlives, string path, bool isDurable)
        => await MeasureAsync(container, name, memory, outlives, isDurable, isDurable ? ["--path", path, "--durable"] : ["--path", path]);

    private async Task MeasureAsync(Container container, string name, string memory, string outlives, bool isDurable, string[] place)
    {
        int repetitions = isDurable ? options.DurableStreamRepetitions : options.StreamRepetitions;
        string[] lines = await container.RunAsync(
            ["bench", "stream", "--machine", "--elements", $"{options.StreamElements}", "--repetitions", $"{repetitions}", .. place]);
        Dictionary<string, string> figures = Figures.Read(lines);
        string pages = figures["pages"] == "2M" ? "2 MiB pages" : "4 KiB pages";
        _rows.Add(new StreamRow(
            name, $"{memory}, {pages}", outlives, Number(figures, "copy_gbs"), Number(figures, "scale_gbs"), Number(figures, "add_gbs"), Number(figures, "triad_gbs")));
    }

    private static double Number(Dictionary<string, string> figures, string key) => double.Parse(figures[key], CultureInfo.InvariantCulture);
}

/// <summary>The key=value pairs that a workload prints.</summary>
internal static class Figures
{
    public static Dictionary<string, string> Read(IEnumerable<string> lines) => lines
        .SelectMany(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Select(pair => pair.Split('=', 2))
        .Where(pair => pair.Length == 2)
        .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
}
