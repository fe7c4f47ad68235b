namespace Cscm.Machine.Tests;

/// <summary>The programs that run in the machine: <c>cscm</c>, as built with these tests.</summary>
internal static class Payload
{
    public static string Directory { get; } = DirectoryOf("src/Cscm.Cli");

    /// <summary>Where a project's program lies that was built like these tests.</summary>
    public static string DirectoryOf(string project) => Path.Combine(
        RepositoryRoot.Path, project, "bin", Path.GetRelativePath(Path.Combine(RepositoryRoot.Path, "tests/Cscm.Machine.Tests/bin"), AppContext.BaseDirectory));
}
