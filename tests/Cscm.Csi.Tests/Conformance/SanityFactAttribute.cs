namespace Cscm.Csi.Tests.Conformance;

/// <summary>A test that runs csi-sanity, the Kubernetes project's suite for CSI drivers.</summary>
public sealed class SanityTheoryAttribute : TheoryAttribute
{
    public SanityTheoryAttribute() => Skip = DriverNeeds.Missing ?? (Executable is not null ? null
        : "csi-sanity is not here: build cmd/csi-sanity of kubernetes-csi/csi-test (5.5 or later) and put it on PATH, or name it in CSCM_CSI_SANITY");

    internal static string? Executable { get; } = Find();

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("CSCM_CSI_SANITY") is { Length: > 0 } named)
            return File.Exists(named) ? named : null;
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, "csi-sanity")).FirstOrDefault(File.Exists);
    }
}
