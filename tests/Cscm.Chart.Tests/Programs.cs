using System.Collections.Concurrent;

namespace Cscm.Chart.Tests;

/// <summary>CSCM's own programs as they were built, asked what they know.</summary>
internal static class Programs
{
    private static readonly ConcurrentDictionary<string, string> s_help = new();

    /// <summary>Asserts that subcommands and options exist; what follows an option is its value.</summary>
    public static void RequireKnown(string project, string assembly, IReadOnlyList<string> arguments)
    {
        string[] commands = [.. arguments.TakeWhile(argument => !argument.StartsWith("--", StringComparison.Ordinal))];
        string help = Help(project, assembly, commands);
        foreach (string option in arguments.Where(argument => argument.StartsWith("--", StringComparison.Ordinal)).Select(argument => argument.Split('=')[0]))
            Assert.Contains($"  {option} ", help + " ", StringComparison.Ordinal);
    }

    public static string Help(string project, string assembly, params string[] commands) => s_help.GetOrAdd($"{project} {string.Join(' ', commands)}", _ =>
    {
        string output = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        string program = Path.Combine(RepositoryRoot.Path, "src", project, "bin", output, "net10.0", assembly + ".dll");
        (int exitCode, string help, string errors) = Tool.Run(Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? Environment.ProcessPath : "dotnet", [program, .. commands, "--help"]);
        Assert.True(exitCode == 0, $"{program} {string.Join(' ', commands)}: {errors}{help}");
        // Usage names the commands that were understood; an unknown one falls back to its parent's help.
        Assert.Contains($"{string.Join(' ', (string[])[assembly, .. commands])} [", help, StringComparison.Ordinal);
        return help;
    });
}
