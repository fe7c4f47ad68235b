using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

/// <summary>What files need beyond System.IO: allocation, cloning, holes, and durability of names.</summary>
internal static unsafe class Files
{
    private const nuint CloneRequest = 0x40049409;
    private const int SeekData = 3, SeekHole = 4;
    private const long CopyStepBytes = 64 << 20;

    /// <summary>Gives a file real, zero-reading space up to a size; it never shrinks.</summary>
    /// <exception cref="StorageException">ResourceExhausted: the file system is full.</exception>
    public static void Allocate(SafeFileHandle file, long sizeBytes, string name)
    {
        if (NativeMethods.Fallocate(file, 0, 0, sizeBytes) == 0)
            return;
        var error = new LinuxException(Marshal.GetLastPInvokeError(), $"allocate {sizeBytes} bytes for {name}");
        throw error.Errno is Errno.ENOSPC or Errno.EFBIG or Errno.EDQUOT
            ? new StorageException(StorageErrorKind.ResourceExhausted, $"the file system below {name} has no room for {sizeBytes} bytes: free space there or use another pool", error)
            : error;
    }

    /// <summary>Copies a file's content over an empty one: shared blocks where the file system can, else byte by byte with holes kept.</summary>
    /// <returns>Whether blocks are shared.</returns>
    public static bool CloneOrCopy(SafeFileHandle source, SafeFileHandle target, CancellationToken cancellationToken)
    {
        if (NativeMethods.Ioctl((int)target.DangerousGetHandle(), CloneRequest, source.DangerousGetHandle()) == 0)
            return true;
        RandomAccess.SetLength(target, RandomAccess.GetLength(source));
        foreach (BlockExtent extent in ReadDataExtents(source, 0))
            CopyRange(source, target, extent, cancellationToken);
        return false;
    }

    /// <summary>The runs of a file that hold data, in ascending order; holes read as zeros.</summary>
    public static IEnumerable<BlockExtent> ReadDataExtents(SafeFileHandle file, long startingOffsetBytes)
    {
        long lengthBytes = RandomAccess.GetLength(file);
        for (long offset = startingOffsetBytes; offset < lengthBytes;)
        {
            long data = NativeMethods.Seek(file, offset, SeekData);
            if (data < 0 && Marshal.GetLastPInvokeError() == (int)Errno.ENXIO)
                yield break;
            if (data < 0)
                LinuxException.ThrowLast("seek data");
            long hole = NativeMethods.Seek(file, data, SeekHole);
            if (hole < 0)
                LinuxException.ThrowLast("seek hole");
            yield return new BlockExtent(data, hole - data);
            offset = hole;
        }
    }

    /// <summary>Makes a directory's entries durable.</summary>
    public static void SyncDirectory(string path)
    {
        int fd = NativeMethods.OpenAt(NativeMethods.AtFdCwd, path, NativeMethods.OReadOnly | NativeMethods.ODirectory | NativeMethods.OCloseOnExec, 0);
        if (fd < 0)
            LinuxException.ThrowLast($"open {path}");
        using var handle = new SafeFileHandle(fd, ownsHandle: true);
        if (NativeMethods.FSync(fd) < 0)
            LinuxException.ThrowLast($"sync {path}");
    }

    /// <summary>Puts content at a path so that after a crash either the old or the new content is there, whole.</summary>
    public static void ReplaceDurably(string path, ReadOnlySpan<byte> content)
    {
        string temporary = path + ".tmp";
        Write(temporary, NativeMethods.OCreate | NativeMethods.OTruncate, content, 0, isDurable: true);
        if (NativeMethods.Rename(temporary, path) < 0)
            LinuxException.ThrowLast($"rename {temporary}");
        SyncDirectory(Path.GetDirectoryName(path)!);
    }

    /// <summary>Writes into an existing file.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content, long offsetBytes, bool isDurable) => Write(path, 0, content, offsetBytes, isDurable);

    /// <summary>Open, write, sync, close: what File adds to them (a lock, two looks at the file) would take as long, and every call to the driver writes a record.</summary>
    private static void Write(string path, int flags, ReadOnlySpan<byte> content, long offsetBytes, bool isDurable)
    {
        const uint Mode = 0x1B6;
        int fd = NativeMethods.OpenAt(NativeMethods.AtFdCwd, path, NativeMethods.OWriteOnly | NativeMethods.OCloseOnExec | flags, Mode);
        if (fd < 0)
            LinuxException.ThrowLast($"open {path}");
        using var handle = new SafeFileHandle(fd, ownsHandle: true);
        fixed (byte* bytes = content)
        {
            for (int done = 0; done < content.Length;)
            {
                nint written = NativeMethods.WriteAt(fd, bytes + done, content.Length - done, offsetBytes + done);
                if (written < 0 && Marshal.GetLastPInvokeError() != (int)Errno.EINTR)
                    LinuxException.ThrowLast($"write {path}");
                done += (int)Math.Max(0, written);
            }
        }
        if (isDurable && NativeMethods.FSync(fd) < 0)
            LinuxException.ThrowLast($"sync {path}");
    }

    private static void CopyRange(SafeFileHandle source, SafeFileHandle target, BlockExtent extent, CancellationToken cancellationToken)
    {
        long from = extent.OffsetBytes, to = extent.OffsetBytes, endBytes = extent.OffsetBytes + extent.SizeBytes;
        while (from < endBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            nint copied = NativeMethods.CopyFileRange(source, &from, target, &to, (nuint)Math.Min(endBytes - from, CopyStepBytes), 0);
            if (copied < 0)
                LinuxException.ThrowLast("copy a file range");
            if (copied == 0)
                return;
        }
    }
}
