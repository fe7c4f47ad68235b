using System.Diagnostics;
using Grpc.Core;
using Spectre.Console;

namespace Cscm.Demo.Story;

internal enum Outcome
{
    Shown,
    LeftOut,
    Failed,
}

/// <summary>One thing that the demo shows, and what was seen.</summary>
internal sealed record Step(string Name, string Title, Outcome Outcome, string Detail, TimeSpan Elapsed);

/// <summary>Runs the steps one after another, says each as it ends, and keeps them for the table. Not thread-safe.</summary>
internal sealed class StepLog(IAnsiConsole console)
{
    private readonly List<Step> _steps = [];

    public IReadOnlyList<Step> Steps => _steps;

    public bool HasFailed => _steps.Any(step => step.Outcome == Outcome.Failed);

    /// <param name="name">For programs: one word.</param>
    /// <param name="title">For people.</param>
    /// <param name="body">Returns what was seen.</param>
    /// <exception cref="StepFailedException">It did not succeed; already logged.</exception>
    public async Task RunAsync(string name, string title, Func<Task<string>> body)
    {
        var clock = Stopwatch.StartNew();
        try
        {
            Add(new Step(name, title, Outcome.Shown, await body(), clock.Elapsed));
        }
        catch (Exception exception) when (exception is DemoException or RpcException or IOException or UnauthorizedAccessException)
        {
            string detail = exception is RpcException call ? $"{call.StatusCode}: {call.Status.Detail}" : exception.Message;
            Add(new Step(name, title, Outcome.Failed, detail, clock.Elapsed));
            throw new StepFailedException();
        }
    }

    public void LeaveOut(string name, string title, string reason) => Add(new Step(name, title, Outcome.LeftOut, reason, TimeSpan.Zero));

    private void Add(Step step)
    {
        _steps.Add(step);
        string time = step.Outcome == Outcome.LeftOut ? "" : $" [grey]{Durations.Format(step.Elapsed)}[/]";
        string detail = step.Outcome == Outcome.Shown ? "" : $"\n    {Markup.Escape(step.Detail)}";
        console.MarkupLine($"  {Marks.Of(step.Outcome, console)} {Markup.Escape(step.Title)}{time}{detail}");
    }
}

/// <summary>A step failed and was logged: the story ends here.</summary>
internal sealed class StepFailedException() : Exception("A step of the demo failed.");

internal static class Durations
{
    public static string Format(TimeSpan elapsed) => elapsed.TotalSeconds >= 1 ? $"{elapsed.TotalSeconds:0.0} s" : $"{elapsed.TotalMilliseconds:0} ms";
}

internal static class Marks
{
    public static string Of(Outcome outcome, IAnsiConsole console) => (outcome, console.Profile.Capabilities.Unicode && console.Profile.Capabilities.Ansi) switch
    {
        (Outcome.Shown, true) => "[green]✓[/]",
        (Outcome.Shown, false) => "ok  ",
        (Outcome.LeftOut, true) => "[yellow]–[/]",
        (Outcome.LeftOut, false) => "left out",
        (_, true) => "[red]✗[/]",
        _ => "FAILED",
    };
}
