using DotNet.Testcontainers.Configurations;
using DotNet.Testcontainers.Containers;
using Testcontainers.K3s;

namespace Cscm.E2E.Tests;

/// <summary>A K3s in a container, by Testcontainers.K3s. Not thread-safe.</summary>
internal sealed class K3s(string image) : IDisposable
{
    private K3sContainer? _container;

    /// <summary>Why there can be none; null if there can.</summary>
    public static string? Missing { get; } = FindWhatIsMissing();

    /// <summary>Of a user who may do everything; its server is an address of this host.</summary>
    public string Kubeconfig => Started.GetKubeconfigAsync().GetAwaiter().GetResult();

    public string Log => string.Concat(Started.GetLogsAsync().GetAwaiter().GetResult()).Trim();

    private K3sContainer Started => _container ?? throw new InvalidOperationException("K3s was not started");

    /// <param name="arguments">For <c>k3s server</c>.</param>
    public void Start(params IEnumerable<string> arguments)
    {
        _container = new K3sBuilder(image).WithCommand([.. arguments]).Build();
        _container.StartAsync().GetAwaiter().GetResult();
    }

    public int TryRun(params string[] command) => Exec(command).ExitCode is long code ? (int)code : -1;

    public string Run(params string[] command)
    {
        ExecResult result = Exec(command);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', command)} in K3s: {result.Stderr}");
        return result.Stdout;
    }

    /// <summary>Puts a file into a directory, under its own name.</summary>
    public void Copy(string file, string directory) => Started.CopyAsync(new FileInfo(file), directory).GetAwaiter().GetResult();

    public void Dispose() => _container?.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private ExecResult Exec(string[] command) => Started.ExecAsync(command).GetAwaiter().GetResult();

    private static string? FindWhatIsMissing()
    {
        try
        {
            return TestcontainersSettings.OS.DockerEndpointAuthConfig is null ? "no Docker answers here" : null;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            return $"no Docker answers here: {e.Message}";
        }
    }
}
