namespace Cscm.Machine.Tests;

/// <summary>The programs that run in the machine, <c>cscm</c> and <c>Cscm.Storage.Conformance</c>, compiled ahead for it as these tests were built.</summary>
internal static class Payload
{
    private const string Project = "tests/Cscm.Machine.Payload";

    public static string Directory { get; } = Path.Combine(
        RepositoryRoot.Path, Project, "bin", Path.GetRelativePath(Path.Combine(RepositoryRoot.Path, "tests/Cscm.Machine.Tests/bin"), AppContext.BaseDirectory), "programs");
}
