using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Cscm.Csi.Hosting;

/// <summary>Serves gRPC on a Unix socket.</summary>
public static class UnixSocketListener
{
    // sockaddr_un.sun_path holds 108 bytes, the last of them NUL.
    private const int MaxPathSizeBytes = 107;

    /// <summary>
    /// Listens on <paramref name="path"/>, HTTP/2 only: without TLS nothing negotiates the version. A socket that a
    /// killed process left there is removed; a live one, or a file of any other kind, is not.
    /// </summary>
    /// <exception cref="ArgumentException">The path cannot be a socket's.</exception>
    /// <exception cref="IOException">Something that must not be removed is in the way, or the directory is missing.</exception>
    public static void ListenUnixSocketForGrpc(this KestrelServerOptions options, string path)
    {
        ArgumentNullException.ThrowIfNull(options);
        ClearStale(path);
        options.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http2);
    }

    /// <summary>Makes the path free for a bind, or says why it cannot.</summary>
    public static void ClearStale(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!Path.IsPathRooted(path) || path.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException($"The socket's path '{path}' must be absolute and hold no NUL.", nameof(path));
        var sizeBytes = Encoding.UTF8.GetByteCount(path);
        if (sizeBytes > MaxPathSizeBytes)
            throw new ArgumentException($"The socket's path '{path}' has {sizeBytes} bytes: Linux allows {MaxPathSizeBytes}. Choose a shorter one.", nameof(path));
        var directory = Path.GetDirectoryName(path);
        if (!Directory.Exists(directory))
            throw new DirectoryNotFoundException($"The socket's directory '{directory}' does not exist: create it first.");

        switch (FileTypes.Get(path))
        {
            case FileType.None:
                return;
            case FileType.Socket when IsListening(path):
                throw new IOException($"Another process is serving on '{path}': stop it, or choose another path.");
            case FileType.Socket:
                File.Delete(path);
                return;
            default:
                throw new IOException($"'{path}' exists and is no socket: remove it, or choose another path.");
        }
    }

    private static bool IsListening(string path)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        // A full backlog must not make this wait: it answers "would block", and that is alive too.
        probe.Blocking = false;
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException exception)
        {
            return exception.SocketErrorCode is not (SocketError.ConnectionRefused or SocketError.AddressNotAvailable);
        }
    }
}

internal enum FileType
{
    None,
    Socket,
    Other,
}

/// <summary>What a path names, links not followed. The base library does not tell sockets from files.</summary>
internal static class FileTypes
{
    private const int AtFdCwd = -100;
    private const int AtSymlinkNoFollow = 0x100;
    private const uint StatxType = 0x1;
    private const int StatxSizeBytes = 256;
    private const int StatxModeOffsetBytes = 28;
    private const int FormatMask = 0xF000;
    private const int FormatSocket = 0xC000;
    private const int NoEntry = 2;

    public static FileType Get(string path)
    {
        var status = new byte[StatxSizeBytes];
        if (Statx(AtFdCwd, [.. Encoding.UTF8.GetBytes(path), 0], AtSymlinkNoFollow, StatxType, status) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            return error == NoEntry
                ? FileType.None
                : throw new IOException($"Cannot look at '{path}': {Marshal.GetPInvokeErrorMessage(error)}.");
        }
        // struct statx has one layout on every architecture, in the machine's byte order; .NET on Linux is little-endian but for s390x.
        var mode = BitConverter.IsLittleEndian
            ? BinaryPrimitives.ReadUInt16LittleEndian(status.AsSpan(StatxModeOffsetBytes))
            : BinaryPrimitives.ReadUInt16BigEndian(status.AsSpan(StatxModeOffsetBytes));
        return (mode & FormatMask) == FormatSocket ? FileType.Socket : FileType.Other;
    }

    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Statx(int directory, byte[] path, int flags, uint mask, byte[] status);
}
