using System.Runtime.InteropServices;

namespace Cscm.Storage.Linux;

/// <summary>What a project of an XFS may use, and does.</summary>
internal readonly record struct ProjectUsage(long LimitBytes, long UsedBytes, long UsedInodes);

/// <summary>XFS project quota by quotactl_fd(2) (Linux 5.14). The structures are those of <c>linux/dqblk_xfs.h</c>.</summary>
internal static unsafe partial class ProjectQuota
{
    private const long SysQuotaControlByDescriptor = 443;
    private const uint SetLimit = (0x5804 << 8) | ProjectType, GetQuota = (0x5803 << 8) | ProjectType;
    private const uint ProjectType = 2;
    private const ushort InodeHard = 1 << 1, BlockHard = 1 << 3;
    private const long UnitBytes = 512;

    /// <summary>Sets a project's hard limits; zeros remove them.</summary>
    public static void SetLimits(SafePath fileSystem, uint project, long limitBytes, long limitInodes)
    {
        var quota = new DiskQuota
        {
            Version = 1,
            Flags = (sbyte)ProjectType,
            FieldMask = InodeHard | BlockHard,
            Id = project,
            BlockHardLimit = (ulong)(limitBytes / UnitBytes),
            InodeHardLimit = (ulong)limitInodes,
        };
        Control(fileSystem, SetLimit, project, &quota, $"limit project {project} of {fileSystem.Path} to {limitBytes} bytes");
    }

    public static ProjectUsage Get(SafePath fileSystem, uint project)
    {
        DiskQuota quota = default;
        const int NoEntry = 2;
        int errno = Call(fileSystem, GetQuota, project, &quota);
        if (errno == NoEntry)
            return default;
        if (errno != 0)
            throw new LinuxException(errno, $"read the quota of project {project} of {fileSystem.Path}");
        return new ProjectUsage((long)quota.BlockHardLimit * UnitBytes, (long)quota.BlockCount * UnitBytes, (long)quota.InodeCount);
    }

    private static void Control(SafePath fileSystem, uint command, uint id, DiskQuota* quota, string action)
    {
        int errno = Call(fileSystem, command, id, quota);
        if (errno != 0)
            throw new LinuxException(errno, action);
    }

    private static int Call(SafePath fileSystem, uint command, uint id, DiskQuota* quota)
    {
        // An O_PATH descriptor is not enough for this call.
        using Microsoft.Win32.SafeHandles.SafeFileHandle handle = fileSystem.Reopen();
        return QuotaControl(SysQuotaControlByDescriptor, handle.DangerousGetHandle(), (nint)command, (nint)id, (nint)quota) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long QuotaControl(long number, nint fd, nint command, nint id, nint address);

    /// <summary><c>struct fs_disk_quota</c>: the fields that are used here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 112)]
    private struct DiskQuota
    {
        [FieldOffset(0)] public sbyte Version;
        [FieldOffset(1)] public sbyte Flags;
        [FieldOffset(2)] public ushort FieldMask;
        [FieldOffset(4)] public uint Id;
        [FieldOffset(8)] public ulong BlockHardLimit;
        [FieldOffset(24)] public ulong InodeHardLimit;
        [FieldOffset(40)] public ulong BlockCount;
        [FieldOffset(48)] public ulong InodeCount;
    }
}
