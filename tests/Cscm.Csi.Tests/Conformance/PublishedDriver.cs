using Cscm.Csi.Tests.Driver;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>The driver as it is shipped: self-contained, trimmed, compiled ahead. Published once for the tests of a class.</summary>
public sealed class PublishedDriver : IAsyncLifetime
{
    private string? _directory;
    private DriverProcess? _driver;

    public DriverProcess Driver => _driver ?? throw new InvalidOperationException(DriverNeeds.Missing ?? "the fixture was not started");

    public async Task InitializeAsync()
    {
        if (DriverNeeds.Missing is not null)
            return;
        _directory = Directory.CreateTempSubdirectory("cscm-published-").FullName;
        string log = Leftovers.Run(
            "dotnet", "publish", Path.Combine(RepositoryRoot.Path, "src/Cscm.Cli"), "-c", "Release", "-r", "linux-x64",
            "-o", _directory, "--nologo", "-v", "quiet", "-p:RunAnalyzers=false");
        string executable = Path.Combine(_directory, "cscm");
        Assert.True(File.Exists(executable), log);
        _driver = await DriverProcess.StartAsync(executable, PoolCase.Pools);
    }

    public async Task DisposeAsync()
    {
        if (_driver is not null)
            await _driver.DisposeAsync();
        if (_directory is not null)
            Directory.Delete(_directory, recursive: true);
    }
}
