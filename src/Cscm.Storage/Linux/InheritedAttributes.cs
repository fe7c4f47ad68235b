using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.Linux;

/// <summary>Attributes that new files below a directory inherit: project and extent size (<c>struct fsxattr</c>, <c>linux/fs.h</c>).</summary>
internal static unsafe class InheritedAttributes
{
    private const nuint Get = 0x801C581F, Set = 0x401C5820;
    private const uint ProjectInherit = 0x200, ExtentSizeInherit = 0x1000;

    public static uint GetProject(SafePath directory)
    {
        using SafeFileHandle handle = directory.Reopen();
        FileSystemAttributes attributes;
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), Get, &attributes) < 0)
            LinuxException.ThrowLast($"read the attributes of {directory.Path}");
        return attributes.Project;
    }

    /// <summary>Makes a directory and its future content belong to a project, and be allocated in runs of a size.</summary>
    public static void SetForChildren(SafePath directory, uint project, uint extentBytes)
    {
        using SafeFileHandle handle = directory.Reopen();
        var attributes = new FileSystemAttributes { Flags = ProjectInherit | ExtentSizeInherit, ExtentBytes = extentBytes, Project = project };
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), Set, &attributes) < 0)
            LinuxException.ThrowLast($"give {directory.Path} to project {project}");
    }

    /// <summary>Takes every flag from a file or directory (immutable, append-only, inherited ones); its project stays.</summary>
    public static void ClearFlags(SafeFileHandle handle)
    {
        FileSystemAttributes attributes;
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), Get, &attributes) < 0)
            LinuxException.ThrowLast("read the attributes of a file");
        attributes.Flags = 0;
        attributes.ExtentBytes = 0;
        if (NativeMethods.Ioctl((int)handle.DangerousGetHandle(), Set, &attributes) < 0)
            LinuxException.ThrowLast("clear the flags of a file");
    }

    [StructLayout(LayoutKind.Explicit, Size = 28)]
    private struct FileSystemAttributes
    {
        [FieldOffset(0)] public uint Flags;
        [FieldOffset(4)] public uint ExtentBytes;
        [FieldOffset(12)] public uint Project;
    }
}
