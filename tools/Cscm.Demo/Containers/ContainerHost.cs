using Cscm.Demo.Machine;

namespace Cscm.Demo.Containers;

internal enum RuntimeKind
{
    Runc,
    Crun,

    /// <summary>No container runtime: unshare(1), namespaces of its own and a changed root.</summary>
    Unshare,
}

/// <summary>Where containers run: the image, the runtime, and the place for their files. Immutable once found.</summary>
internal sealed class ContainerHost
{
    private static readonly RuntimeKind[] s_kinds = [RuntimeKind.Runc, RuntimeKind.Crun, RuntimeKind.Unshare];
    private static readonly string[] s_toolsOfUnshare = ["/usr/bin/setpriv"];

    private readonly string? _cgroup;

    private ContainerHost(string directory, RuntimeKind kind, string? cgroup)
    {
        WorkDirectory = directory;
        Kind = kind;
        _cgroup = cgroup;
    }

    /// <summary>For images and containers.</summary>
    public string WorkDirectory { get; }

    public RuntimeKind Kind { get; }

    public string ImageDirectory => Path.Combine(WorkDirectory, "image");

    public string RuntimeName => Kind.ToString().ToLowerInvariant();

    /// <summary>The runtime's options before its command.</summary>
    public IEnumerable<string> RuntimeOptions
    {
        get
        {
            yield return "--root";
            yield return Path.Combine(WorkDirectory, "runtime");
            if (Kind == RuntimeKind.Crun)
                yield return _cgroup is null ? "--cgroup-manager=disabled" : "--cgroup-manager=cgroupfs";
        }
    }

    public string? CgroupOf(string container) => _cgroup is null ? null : $"/{_cgroup}/{container}";

    /// <summary>Makes the image and finds the first runtime that runs <c>cscm --version</c> in a container of it.</summary>
    /// <param name="directory">For images and containers; is made.</param>
    /// <param name="options">Names the runtime, or leaves it open.</param>
    /// <param name="mountPoints">Paths in the image where volumes will be mounted.</param>
    /// <returns>The host, and why the runtimes before it do not work here.</returns>
    /// <exception cref="DemoException">None works.</exception>
    public static async Task<(ContainerHost Host, IReadOnlyList<string> Refusals)> FindAsync(
        string directory, DemoOptions options, IEnumerable<string> mountPoints)
    {
        Directory.CreateDirectory(directory);
        RuntimeKind[] kinds = [.. s_kinds.Where(kind => options.Runtime is null || kind.ToString().Equals(options.Runtime, StringComparison.OrdinalIgnoreCase))];
        if (kinds.Length == 0)
            throw new DemoException($"'{options.Runtime}' starts no containers: use {string.Join(", ", s_kinds.Select(kind => kind.ToString().ToLowerInvariant()))}");
        await ContainerImage.MakeAsync(Path.Combine(directory, "image"), options.ProgramDirectory, s_toolsOfUnshare.Where(File.Exists), mountPoints);
        var refusals = new List<string>();
        foreach (RuntimeKind kind in kinds)
        {
            var host = new ContainerHost(directory, kind, options.Cgroup);
            if (await host.FindFaultAsync() is not { } fault)
                return (host, refusals);
            refusals.Add($"{host.RuntimeName}: {fault}");
        }
        throw new DemoException($"no container can run here ({string.Join("; ", refusals)}): apt-get install runc, and run as root or where users may have namespaces");
    }

    private async Task<string?> FindFaultAsync()
    {
        if (!Tool.Exists(RuntimeName))
            return "not installed";
        await using Container container = await Container.CreateAsync(this, "trial", []);
        ToolResult result = await container.TryRunAsync("--version");
        return result.ExitCode == 0 ? null : result.Complaint;
    }
}
