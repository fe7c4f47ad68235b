using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

/// <summary>Extended attributes of open files, access control lists and security labels among them (xattr(7)).</summary>
internal static unsafe partial class ExtendedAttributes
{
    private const int LargestBytes = 64 << 10;

    public static void CopyAll(SafeFileHandle from, SafeFileHandle to)
    {
        byte[] names = new byte[LargestBytes];
        nint listed;
        fixed (byte* buffer = names)
            listed = List((int)from.DangerousGetHandle(), buffer, LargestBytes);
        if (listed < 0 && Marshal.GetLastPInvokeError() == (int)Errno.EOPNOTSUPP)
            return;
        if (listed < 0)
            LinuxException.ThrowLast("list extended attributes");
        byte[]? value = listed > 0 ? new byte[LargestBytes] : null;
        for (int start = 0; start < listed;)
        {
            int length = Array.IndexOf(names, (byte)0, start) - start;
            byte[] name = names[start..(start + length + 1)];
            start += length + 1;
            Copy(from, to, name, value!);
        }
    }

    /// <summary>Why an attribute cannot be read; null if it can.</summary>
    public static Errno? ErrorOfReading(SafeFileHandle file, string name)
        => Get((int)file.DangerousGetHandle(), Encoding.UTF8.GetBytes(name + '\0'), null, 0) < 0 ? (Errno)Marshal.GetLastPInvokeError() : null;

    private static void Copy(SafeFileHandle from, SafeFileHandle to, byte[] name, byte[] value)
    {
        fixed (byte* buffer = value)
        {
            nint size = Get((int)from.DangerousGetHandle(), name, buffer, (nuint)value.Length);
            // Gone since it was listed.
            if (size < 0 && Marshal.GetLastPInvokeError() == (int)Errno.ENODATA)
                return;
            if (size < 0 || Set((int)to.DangerousGetHandle(), name, buffer, (nuint)size, 0) < 0)
                LinuxException.ThrowLast($"copy the extended attribute {Encoding.UTF8.GetString(name, 0, name.Length - 1)}");
        }
    }

    [LibraryImport("libc", EntryPoint = "flistxattr", SetLastError = true)]
    private static partial nint List(int fd, byte* buffer, nuint sizeBytes);

    [LibraryImport("libc", EntryPoint = "fgetxattr", SetLastError = true)]
    private static partial nint Get(int fd, byte[] name, byte* buffer, nuint sizeBytes);

    [LibraryImport("libc", EntryPoint = "fsetxattr", SetLastError = true)]
    private static partial int Set(int fd, byte[] name, byte* value, nuint sizeBytes, int flags);
}
