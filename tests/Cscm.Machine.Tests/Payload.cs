namespace Cscm.Machine.Tests;

/// <summary>The programs that run in the machine: <c>cscm</c>, as built with these tests.</summary>
internal static class Payload
{
    public static string Directory { get; } = Path.Combine(
        RepositoryRoot.Path, "src/Cscm.Cli/bin", Path.GetRelativePath(Path.Combine(RepositoryRoot.Path, "tests/Cscm.Machine.Tests/bin"), AppContext.BaseDirectory));
}
