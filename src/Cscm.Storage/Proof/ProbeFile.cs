using System.Runtime.InteropServices;
using Cscm.Storage.Linux;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Proof;

/// <summary>
/// A file without a name (O_TMPFILE) below a directory. It ends with its descriptor: not even kill -9 leaves anything behind.
/// </summary>
internal sealed class ProbeFile : IDisposable
{
    private const int OTemporaryFileFlag = 0x40_0000;
    private readonly SafeFileHandle _handle;

    private ProbeFile(SafeFileHandle handle) => _handle = handle;

    public int Descriptor => (int)_handle.DangerousGetHandle();

    /// <exception cref="LinuxException">EROFS, EOPNOTSUPP, ENOSPC, …</exception>
    public static ProbeFile Create(SafePath directory)
    {
        int flags = OTemporaryFileFlag | NativeMethods.ODirectory | NativeMethods.OReadWrite | NativeMethods.OCloseOnExec;
        int fd = NativeMethods.OpenAt(NativeMethods.AtFdCwd, directory.ProcPath, flags, 0x180);
        if (fd < 0)
            LinuxException.ThrowLast($"make a probe file in {directory.Path}");
        return new ProbeFile(new SafeFileHandle(fd, ownsHandle: true));
    }

    /// <summary>Gives the file space; false if there is none for it.</summary>
    public bool TryAllocate(long sizeBytes)
    {
        if (NativeMethods.Fallocate(_handle, 0, 0, sizeBytes) == 0)
            return true;
        var error = new LinuxException(Marshal.GetLastPInvokeError(), "allocate the probe file");
        return error.Errno is Errno.ENOSPC or Errno.EDQUOT or Errno.EFBIG or Errno.EOPNOTSUPP ? false : throw error;
    }

    /// <summary>statx(2): STATX_ATTR_DAX of the file.</summary>
    public unsafe bool IsDax()
    {
        StatxBuffer buffer;
        if (NativeMethods.Statx(Descriptor, "", NativeMethods.AtEmptyPath, StatxBuffer.BasicStats, &buffer) < 0)
            LinuxException.ThrowLast("statx the probe file");
        return (buffer.Attributes & StatxBuffer.AttributeDax) != 0;
    }

    public void Dispose() => _handle.Dispose();
}
