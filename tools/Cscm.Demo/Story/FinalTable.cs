using Spectre.Console;

namespace Cscm.Demo.Story;

/// <summary>The end of the demo: what was measured, what was shown, what was left out.</summary>
internal static class FinalTable
{
    private const int BarWidth = 12;

    public static void Print(IAnsiConsole console, IReadOnlyList<StreamRow> stream, IReadOnlyList<Step> steps, TimeSpan elapsed)
    {
        console.WriteLine();
        if (stream.Count > 0)
        {
            console.Write(StreamTable(console, stream));
            console.MarkupLine("[grey]Synced: each kernel's time includes msync of its result. On storage class memory mapped by DAX a volume needs none; these pools have no such medium.[/]");
        }
        console.WriteLine();
        console.Write(StepTable(console, steps));
        console.MarkupLine(Verdict(steps, elapsed));
    }

    private static Table StreamTable(IAnsiConsole console, IReadOnlyList<StreamRow> rows)
    {
        Table table = NewTable(console, "STREAM in a container, GB/s");
        table.AddColumn("Memory");
        foreach (string kernel in new[] { "COPY", "SCALE", "ADD", "TRIAD" })
            table.AddColumn(new TableColumn(kernel).RightAligned());
        table.AddColumn("Against anonymous");
        table.AddColumn("Outlives");
        double anonymous = rows[0].Total;
        foreach (StreamRow row in rows)
        {
            table.AddRow(
                Markup.Escape(row.Memory), Number(row.Copy), Number(row.Scale), Number(row.Add), Number(row.Triad),
                Bar(console, row.Total / anonymous), Markup.Escape(row.Outlives));
        }
        return table;
    }

    private static Table StepTable(IAnsiConsole console, IReadOnlyList<Step> steps)
    {
        Table table = NewTable(console, "What was shown");
        table.AddColumn("");
        table.AddColumn("Step");
        table.AddColumn("Seen");
        table.AddColumn(new TableColumn("Time").RightAligned().NoWrap());
        foreach (Step step in steps)
        {
            table.AddRow(
                Marks.Of(step.Outcome, console),
                Markup.Escape(step.Title),
                Markup.Escape(step.Outcome == Outcome.LeftOut ? $"left out: {step.Detail}" : step.Detail),
                step.Outcome == Outcome.LeftOut ? "" : Durations.Format(step.Elapsed));
        }
        return table;
    }

    private static Table NewTable(IAnsiConsole console, string title)
    {
        var table = new Table { Title = new TableTitle(title), Border = console.Profile.Capabilities.Ansi ? TableBorder.Rounded : TableBorder.Ascii };
        return table;
    }

    private static string Bar(IAnsiConsole console, double share)
    {
        string percent = $"{share * 100,4:0} %";
        if (!console.Profile.Capabilities.Ansi || !console.Profile.Capabilities.Unicode)
            return percent;
        int filled = Math.Clamp((int)Math.Round(share * BarWidth), 0, BarWidth);
        return $"[green]{new string('█', filled)}[/][grey]{new string('░', BarWidth - filled)}[/] {percent}";
    }

    private static string Number(double value) => value.ToString(value >= 10 ? "0.0" : "0.00");

    private static string Verdict(IReadOnlyList<Step> steps, TimeSpan elapsed)
    {
        int shown = steps.Count(step => step.Outcome == Outcome.Shown);
        int leftOut = steps.Count(step => step.Outcome == Outcome.LeftOut);
        return steps.Any(step => step.Outcome == Outcome.Failed)
            ? $"[red]A step failed, after {Durations.Format(elapsed)}.[/]"
            : $"[green]{shown} steps shown[/]{(leftOut > 0 ? $", [yellow]{leftOut} left out[/]" : "")}, in {Durations.Format(elapsed)}.";
    }
}
