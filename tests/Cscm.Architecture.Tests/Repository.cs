using System.Runtime.CompilerServices;

namespace Cscm.Architecture.Tests;

/// <summary>Where the sources are, found from this file's own place.</summary>
internal static class Repository
{
    public static string Root { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", ".."));

    public static IEnumerable<string> SourceFiles(string below) => Directory
        .EnumerateFiles(Path.Combine(Root, below), "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Contains("/obj/") && !file.Contains("/bin/"));

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
