using System.CommandLine;
using System.Diagnostics;
using Cscm.Demo;
using Cscm.Demo.Story;
using Spectre.Console;

var programDirectory = new Option<string>("--program") { Description = "The published folder of cscm", Required = true };
var workDirectory = new Option<string>("--work") { Description = "An empty directory for all that the demo makes", Required = true };
var runtime = new Option<string?>("--runtime") { Description = "runc, crun or unshare (default: the first that works)" };
var ordinaryUser = new Option<bool>("--ordinary-user") { Description = "Root in a user namespace only: leave out what needs more" };
var cgroup = new Option<string?>("--cgroup") { Description = "The name of a control group for the containers'; its maker removes it (default: none)" };
var quick = new Option<bool>("--quick") { Description = "Small volumes and arrays: shows all, measures little" };
var report = new Option<string?>("--report") { Description = "Also write what was seen to this file, as JSON" };
var command = new RootCommand("The program of ./demo, which prepares everything for it") { programDirectory, workDirectory, runtime, ordinaryUser, cgroup, quick, report };
command.SetAction(async parsed =>
{
    var options = new DemoOptions
    {
        ProgramDirectory = Path.GetFullPath(parsed.GetRequiredValue(programDirectory)),
        WorkDirectory = Path.GetFullPath(parsed.GetRequiredValue(workDirectory)),
        Runtime = parsed.GetValue(runtime),
        IsOrdinaryUser = parsed.GetValue(ordinaryUser),
        Cgroup = parsed.GetValue(cgroup),
        IsQuick = parsed.GetValue(quick),
        ReportFile = parsed.GetValue(report) is { } file ? Path.GetFullPath(file) : null,
    };
    bool isPlain = Console.IsOutputRedirected || Environment.GetEnvironmentVariable("TERM") is null or "" or "dumb";
    IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = isPlain ? AnsiSupport.No : AnsiSupport.Detect });
    // Without a terminal there is no width; tables of this one fit in a log.
    if (isPlain)
        console.Profile.Width = 150;

    var clock = Stopwatch.StartNew();
    var log = new StepLog(console);
    await using var scenario = new Scenario(options, log);
    try
    {
        await scenario.RunAsync();
    }
    catch (StepFailedException)
    {
        foreach (string line in scenario.DriverLog)
            console.MarkupLineInterpolated($"    [grey]driver: {line}[/]");
    }
    FinalTable.Print(console, scenario.Stream.Rows, log.Steps, clock.Elapsed);
    if (options.ReportFile is { } path)
        ReportFile.Write(path, log.Steps, scenario.Stream.Rows);
    return log.HasFailed ? 1 : 0;
});
return await command.Parse(args).InvokeAsync();
