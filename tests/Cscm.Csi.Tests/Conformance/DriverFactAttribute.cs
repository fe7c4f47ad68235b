using Cscm.Csi.Tests.Driver;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>A test against the real driver: mounts and loop devices need root, and the file systems their tools.</summary>
public sealed class DriverFactAttribute : FactAttribute
{
    public DriverFactAttribute() => Skip = DriverNeeds.Missing;
}

/// <inheritdoc cref="DriverFactAttribute"/>
public sealed class DriverTheoryAttribute : TheoryAttribute
{
    public DriverTheoryAttribute() => Skip = DriverNeeds.Missing;
}

/// <summary>The kernel grows a mounted ext4 only for a process with CAP_SYS_RESOURCE, which root in a container or jail may lack.</summary>
public sealed class SysResourceFactAttribute : FactAttribute
{
    private const int SysResource = 24;

    /// <param name="isNeeded">False for a test of what happens without it.</param>
    public SysResourceFactAttribute(bool isNeeded)
    {
        string mask = File.ReadLines("/proc/self/status").Single(line => line.StartsWith("CapEff:", StringComparison.Ordinal))["CapEff:".Length..].Trim();
        bool isHeld = (Convert.ToUInt64(mask, 16) >> SysResource & 1) == 1;
        Skip = DriverNeeds.Missing ?? (isHeld == isNeeded ? null
            : isNeeded ? "this machine's root lacks CAP_SYS_RESOURCE: run where it has it, as on a plain host"
            : "this process has CAP_SYS_RESOURCE: run without it (setpriv --bounding-set -sys_resource)");
    }
}

internal static class DriverNeeds
{
    private static readonly string[] s_tools = ["mkfs.ext4", "mkfs.xfs", "umount", "losetup"];

    /// <summary>Why the driver cannot run here; null if it can.</summary>
    public static string? Missing { get; } = Find();

    private static string? Find()
    {
        if (!DriverProcess.MayMount)
            return "the driver mounts volumes on loop devices: run as root on a machine with /dev/loop-control";
        string[] directories = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), "/usr/sbin", "/sbin"];
        string? missing = s_tools.FirstOrDefault(tool => !directories.Any(directory => File.Exists(Path.Combine(directory, tool))));
        return missing is null ? null : $"{missing} is missing: apt-get install e2fsprogs xfsprogs util-linux";
    }
}
