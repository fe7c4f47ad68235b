using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

/// <summary>A run of a file and where it lies on the medium.</summary>
/// <param name="OffsetBytes">Within the file.</param>
/// <param name="PhysicalBytes">On the device.</param>
/// <param name="SizeBytes">Of the run.</param>
/// <param name="IsUnwritten">Allocated, and reads as zeros: its bytes on the medium are nobody's.</param>
/// <param name="IsShared">Other files have it too.</param>
internal readonly record struct FileExtent(long OffsetBytes, long PhysicalBytes, long SizeBytes, bool IsUnwritten, bool IsShared);

/// <summary>The extents of a file, by FIEMAP (Documentation/filesystems/fiemap.rst). Does not wait for a frozen file system.</summary>
internal static unsafe class ExtentMap
{
    private const nuint Request = 0xC020660B;
    private const int HeadBytes = 32, ExtentBytes = 56, BatchExtents = 128;
    private const uint Last = 0x1, Unwritten = 0x800, Shared = 0x2000;

    /// <summary>The allocated runs in ascending order. Read batch by batch: what changes meanwhile may be seen or not.</summary>
    public static IReadOnlyList<FileExtent> Read(SafeFileHandle file)
    {
        var extents = new List<FileExtent>();
        byte[] buffer = new byte[HeadBytes + (BatchExtents * ExtentBytes)];
        ulong from = 0;
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var head = (Head*)start;
                *head = new Head { Start = from, Length = ulong.MaxValue - from, Capacity = BatchExtents };
                if (NativeMethods.Ioctl((int)file.DangerousGetHandle(), Request, start) < 0)
                {
                    var error = new LinuxException(Marshal.GetLastPInvokeError(), "read the extents of a file");
                    // An empty file, or one that a file system keeps in its inode, has none.
                    return error.Errno == Errno.EOPNOTSUPP ? [] : throw error;
                }
                if (head->Mapped == 0)
                    return extents;
                for (int i = 0; i < head->Mapped; i++)
                {
                    Extent extent = *(Extent*)(start + HeadBytes + (i * ExtentBytes));
                    extents.Add(new FileExtent(
                        (long)extent.Logical, (long)extent.Physical, (long)extent.Length, (extent.Flags & Unwritten) != 0, (extent.Flags & Shared) != 0));
                    from = extent.Logical + extent.Length;
                    if ((extent.Flags & Last) != 0)
                        return extents;
                }
            }
        }
    }

    /// <summary><c>struct fiemap</c> without its extents.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Head
    {
        public ulong Start;
        public ulong Length;
        public uint Flags;
        public uint Mapped;
        public uint Capacity;
        private readonly uint _reserved;
    }

    /// <summary><c>struct fiemap_extent</c>: the fields that are read here.</summary>
    [StructLayout(LayoutKind.Explicit, Size = ExtentBytes)]
    private struct Extent
    {
        [FieldOffset(0)] public ulong Logical;
        [FieldOffset(8)] public ulong Physical;
        [FieldOffset(16)] public ulong Length;
        [FieldOffset(40)] public uint Flags;
    }
}
