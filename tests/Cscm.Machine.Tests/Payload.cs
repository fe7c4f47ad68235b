using System.Runtime.CompilerServices;

namespace Cscm.Machine.Tests;

/// <summary>The programs that run in the machine: <c>cscm</c>, as built with these tests.</summary>
internal static class Payload
{
    public static string Directory { get; } = Path.GetFullPath(Path.Combine(
        Path.GetDirectoryName(ThisFile())!, "..", "..", "src", "Cscm.Cli", "bin", Path.GetRelativePath(Bin, AppContext.BaseDirectory)));

    private static string Bin => Path.Combine(Path.GetDirectoryName(ThisFile())!, "bin");

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
