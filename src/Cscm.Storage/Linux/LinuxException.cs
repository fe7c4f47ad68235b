using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Mono.Unix.Native;

namespace Cscm.Storage.Linux;

/// <summary>A system call failed. The message names the call, its subject and the error.</summary>
internal sealed class LinuxException(int errno, string action, string? detail = null)
    : IOException($"{action}: {Marshal.GetPInvokeErrorMessage(errno)} ({NameOf(errno)}){(detail is null ? "" : $": {detail}")}")
{
    public Errno Errno { get; } = ToErrno(errno);

    /// <summary>Throws for the calling thread's last error; call it before anything else can overwrite that.</summary>
    [DoesNotReturn]
    public static void ThrowLast(string action) => throw new LinuxException(Marshal.GetLastPInvokeError(), action);

    private static Errno ToErrno(int errno) => NativeConvert.TryToErrno(errno, out Errno value) ? value : default;

    private static string NameOf(int errno) => NativeConvert.TryToErrno(errno, out Errno value) ? value.ToString() : $"errno {errno}";
}
