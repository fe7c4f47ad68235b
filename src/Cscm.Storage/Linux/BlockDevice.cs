using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

/// <summary>
/// An open block device, read and written past the page cache: a file system that maps its medium (DAX) writes past it too, and a cached
/// page would show what was there before. Offsets and lengths are multiples of 4096. For one thread.
/// </summary>
internal sealed unsafe class BlockDevice : IDisposable
{
    private const nuint ZeroOutRequest = 0x127F, SizeRequest = 0x80081272;
    private const int AlignmentBytes = 4096;
    private const int CopyBytes = 4 << 20;

    private readonly SafeFileHandle _handle;

    private BlockDevice(SafeFileHandle handle, string path)
    {
        _handle = handle;
        Path = path;
    }

    // As O_DIRECTORY, it differs between the two architectures.
    private static int ODirect { get; } = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x10000 : 0x4000;

    public string Path { get; }

    public long SizeBytes
    {
        get
        {
            long sizeBytes;
            if (NativeMethods.Ioctl((int)_handle.DangerousGetHandle(), SizeRequest, &sizeBytes) < 0)
                LinuxException.ThrowLast($"read the size of {Path}");
            return sizeBytes;
        }
    }

    public static BlockDevice OpenToRead(string path) => Open(path, NativeMethods.OReadOnly | ODirect);

    /// <summary>Opens a device that nobody else may have: neither a mount, nor another device on top of it, nor a second caller of this.</summary>
    /// <exception cref="StorageException">FailedPrecondition: someone has it.</exception>
    public static BlockDevice OpenExclusively(string path)
    {
        try
        {
            return Open(path, NativeMethods.OReadWrite | ODirect | NativeMethods.OExclusive);
        }
        catch (LinuxException e) when (e.Errno == Errno.EBUSY)
        {
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"{path} is in use: unmount what is mounted from there, end what has it open (findmnt {path}, fuser -v {path}), then repeat", e);
        }
    }

    /// <summary>Whether something is mounted from a device, or another device lies on top of it.</summary>
    public static bool IsClaimed(string path)
    {
        try
        {
            using BlockDevice device = Open(path, NativeMethods.OReadOnly | NativeMethods.OExclusive);
            return false;
        }
        catch (LinuxException e) when (e.Errno == Errno.EBUSY)
        {
            return true;
        }
    }

    /// <summary>Makes the kernel write zeros, which it does faster than we could.</summary>
    public void Zero(long offsetBytes, long sizeBytes)
    {
        ulong* range = stackalloc ulong[2] { (ulong)offsetBytes, (ulong)sizeBytes };
        if (NativeMethods.Ioctl((int)_handle.DangerousGetHandle(), ZeroOutRequest, range) < 0)
            LinuxException.ThrowLast($"zero {sizeBytes} bytes at {offsetBytes} of {Path}");
    }

    /// <summary>Makes durable what was written.</summary>
    public void Flush() => RandomAccess.FlushToDisk(_handle);

    /// <summary>Fills a buffer from an offset; what lies behind the device's end is left as it was.</summary>
    /// <returns>How much was read.</returns>
    public int Read(AlignedBuffer buffer, long offsetBytes)
    {
        int length = 0;
        for (int read; length < buffer.Span.Length && (read = RandomAccess.Read(_handle, buffer.Span[length..], offsetBytes + length)) > 0;)
            length += read;
        return length;
    }

    /// <summary>Copies the whole of a device to the start of this one, which is not smaller.</summary>
    public void CopyFrom(BlockDevice source, CancellationToken cancellationToken)
    {
        using var buffer = new AlignedBuffer(CopyBytes, AlignmentBytes);
        long sizeBytes = source.SizeBytes;
        for (long offset = 0; offset < sizeBytes; offset += CopyBytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int length = source.Read(buffer, offset);
            RandomAccess.Write(_handle, buffer.Span[..length], offset);
        }
        Flush();
    }

    public void Dispose() => _handle.Dispose();

    private static BlockDevice Open(string path, int flags)
    {
        int fd = NativeMethods.OpenAt(NativeMethods.AtFdCwd, path, flags | NativeMethods.OCloseOnExec, 0);
        if (fd < 0)
            LinuxException.ThrowLast($"open {path}");
        return new BlockDevice(new SafeFileHandle(fd, ownsHandle: true), path);
    }
}

/// <summary>Memory at an address that direct reading and writing accepts. All access goes through <see cref="Span"/>, which ends where it ends.</summary>
internal sealed unsafe class AlignedBuffer(int sizeBytes, int alignmentBytes) : IDisposable
{
    private void* _start = NativeMemory.AlignedAlloc((nuint)sizeBytes, (nuint)alignmentBytes);

    public Span<byte> Span => new(_start, _start is null ? 0 : sizeBytes);

    public void Dispose()
    {
        NativeMemory.AlignedFree(_start);
        _start = null;
    }
}
