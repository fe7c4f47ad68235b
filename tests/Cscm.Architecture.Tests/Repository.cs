namespace Cscm.Architecture.Tests;

/// <summary>Where the sources are.</summary>
internal static class Repository
{
    public static string Root { get; } = RepositoryRoot.Path;

    public static IEnumerable<string> SourceFiles(string below) => Directory
        .EnumerateFiles(Path.Combine(Root, below), "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Contains("/obj/") && !file.Contains("/bin/"));
}
