using Cscm.Csi.Tests.Driver;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>A driver over pools of every kind, shared by the tests of one class.</summary>
public sealed class DriverFixture : IAsyncLifetime
{
    private DriverProcess? _driver;

    public DriverProcess Driver => _driver ?? throw new InvalidOperationException(DriverNeeds.Missing ?? "the fixture was not started");

    /// <summary>The program that the build of this test project made.</summary>
    public static string Executable { get; } = Path.Combine(RepositoryRoot.Path, "src/Cscm.Cli/bin", Configuration, "net10.0/cscm");

    private static string Configuration => Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/')))!;

    public async Task InitializeAsync()
    {
        if (DriverNeeds.Missing is null)
            _driver = await DriverProcess.StartAsync(Executable, PoolCase.Pools);
    }

    public async Task DisposeAsync()
    {
        if (_driver is not null)
            await _driver.DisposeAsync();
    }
}
