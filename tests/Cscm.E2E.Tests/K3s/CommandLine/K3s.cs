namespace Cscm.E2E.Tests;

/// <summary>A K3s in a container, by docker's command line. Not thread-safe.</summary>
internal sealed class K3s(string image) : IDisposable
{
    private readonly string _name = $"cscm-e2e-{Guid.NewGuid().ToString("N")[..8]}";

    /// <summary>Why there can be none; null if there can.</summary>
    public static string? Missing { get; } =
        Command.Find("docker") is null || Command.TryRun("docker", ["version", "--format", "{{.Server.Version}}"]).ExitCode != 0 ? "no Docker answers here" : null;

    /// <summary>Of a user who may do everything; its server is an address of this host.</summary>
    public string Kubeconfig => Run("cat", "/etc/rancher/k3s/k3s.yaml").Replace("127.0.0.1:6443", Docker("port", _name, "6443/tcp").Split('\n')[0].Trim(), StringComparison.Ordinal);

    public string Log => Docker("logs", "--tail=50", _name);

    /// <param name="arguments">For <c>k3s server</c>.</param>
    public void Start(params IEnumerable<string> arguments)
        => Docker(["run", "--detach", "--privileged", "--name", _name, "--tmpfs", "/run", "--publish", "127.0.0.1::6443", image, "server", "--disable=traefik", .. arguments]);

    public int TryRun(params string[] command) => Command.TryRun("docker", ["exec", _name, .. command]).ExitCode;

    public string Run(params string[] command) => Docker(["exec", _name, .. command]);

    /// <summary>Puts a file into a directory, under its own name.</summary>
    public void Copy(string file, string directory) => Docker("cp", file, $"{_name}:{directory}/");

    public void Dispose() => Command.TryRun("docker", ["rm", "--force", "--volumes", _name]);

    private static string Docker(params string[] arguments) => Command.Run("docker", arguments);
}
