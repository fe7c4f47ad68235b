using System.Text.Json.Nodes;

namespace Cscm.Demo.Containers;

/// <summary>A path of this machine, and where the container sees it.</summary>
internal readonly record struct ContainerMount(string HostPath, string ContainerPath);

/// <summary>
/// The config.json of a container (OCI runtime specification 1.0): namespaces of its own, no capability, no device but the harmless
/// ones, nothing of the machine but what is mounted on purpose.
/// </summary>
internal static class OciConfiguration
{
    private static readonly string[] s_namespaces = ["pid", "network", "ipc", "uts", "mount"];
    private static readonly string[] s_maskedPaths =
        ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware", "/sys/block", "/sys/dev/block"];
    private static readonly string[] s_readOnlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

    /// <param name="rootDirectory">The container's root on this machine.</param>
    /// <param name="arguments">The command.</param>
    /// <param name="mounts">The volumes.</param>
    /// <param name="cgroup">The control group, as a path; null for none, which is all that an ordinary user may.</param>
    public static string Write(string rootDirectory, IEnumerable<string> arguments, IEnumerable<ContainerMount> mounts, string? cgroup)
    {
        var allMounts = new JsonArray
        {
            Mount("/proc", "proc", "proc"),
            Mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            Mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
            Mount("/tmp", "tmpfs", "tmpfs", "nosuid", "nodev", "mode=1777", "size=65536k"),
            Mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro"),
        };
        foreach (ContainerMount mount in mounts)
            allMounts.Add(Mount(mount.ContainerPath, "bind", mount.HostPath, "bind", "rw", "nosuid", "nodev"));
        var linux = new JsonObject
        {
            ["namespaces"] = new JsonArray([.. s_namespaces.Select(name => new JsonObject { ["type"] = name })]),
            ["maskedPaths"] = Strings(s_maskedPaths),
            ["readonlyPaths"] = Strings(s_readOnlyPaths),
        };
        if (cgroup is not null)
        {
            linux["cgroupsPath"] = cgroup;
            linux["resources"] = new JsonObject { ["devices"] = new JsonArray(new JsonObject { ["allow"] = false, ["access"] = "rwm" }) };
        }
        var configuration = new JsonObject
        {
            ["ociVersion"] = "1.0.0",
            ["hostname"] = "container",
            ["root"] = new JsonObject { ["path"] = rootDirectory, ["readonly"] = false },
            ["process"] = new JsonObject
            {
                ["user"] = new JsonObject { ["uid"] = 0, ["gid"] = 0 },
                ["cwd"] = "/",
                ["args"] = Strings(arguments),
                ["env"] = Strings(ContainerEnvironment.Variables.Select(pair => $"{pair.Key}={pair.Value}")),
                ["capabilities"] = new JsonObject(),
                ["noNewPrivileges"] = true,
            },
            ["mounts"] = allMounts,
            ["linux"] = linux,
        };
        return configuration.ToJsonString();
    }

    private static JsonObject Mount(string destination, string type, string source, params string[] options) => new()
    {
        ["destination"] = destination,
        ["type"] = type,
        ["source"] = source,
        ["options"] = Strings(options),
    };

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(value => JsonValue.Create(value))]);
}

/// <summary>What a program in a container finds in its environment.</summary>
internal static class ContainerEnvironment
{
    public static IReadOnlyDictionary<string, string> Variables { get; } = new Dictionary<string, string>
    {
        ["PATH"] = "/cscm:/usr/bin",
        ["HOME"] = "/tmp",
        ["DOTNET_EnableDiagnostics"] = "0",
    };
}
