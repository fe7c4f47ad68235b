using System.Net.Sockets;
using Cscm.Csi.Hosting;

namespace Cscm.Grpc.Tests;

public sealed class UnixSocketListenerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cscm-grpc-").FullName;

    private string SocketPath => Path.Combine(_directory, "s");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void A_free_path_is_left_as_it_is()
    {
        UnixSocketListener.ClearStale(SocketPath);
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public void A_stale_socket_is_removed()
    {
        LeaveStaleSocket();
        Assert.True(File.Exists(SocketPath));
        UnixSocketListener.ClearStale(SocketPath);
        Assert.False(File.Exists(SocketPath));
    }

    [Fact]
    public void A_live_listener_is_not_disturbed()
    {
        using var live = Bind();
        live.Listen(1);
        var error = Assert.Throws<IOException>(() => UnixSocketListener.ClearStale(SocketPath));
        Assert.Contains(SocketPath, error.Message, StringComparison.Ordinal);
        Assert.Contains("stop it", error.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(SocketPath));
    }

    [Fact]
    public void A_live_listener_with_a_full_backlog_is_not_disturbed()
    {
        using var live = Bind();
        live.Listen(0);
        var waiting = new List<Socket>();
        try
        {
            for (var i = 0; i < 3; i++)
            {
                var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
                waiting.Add(client);
                try
                {
                    client.Connect(new UnixDomainSocketEndPoint(SocketPath));
                }
                catch (SocketException)
                {
                    // The backlog is full: what this test needs.
                }
            }
            Assert.Throws<IOException>(() => UnixSocketListener.ClearStale(SocketPath));
            Assert.True(File.Exists(SocketPath));
        }
        finally
        {
            waiting.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public void A_file_is_not_removed()
    {
        File.WriteAllText(SocketPath, "precious");
        Assert.Throws<IOException>(() => UnixSocketListener.ClearStale(SocketPath));
        Assert.Equal("precious", File.ReadAllText(SocketPath));
    }

    [Fact]
    public void A_directory_is_not_removed()
    {
        Directory.CreateDirectory(SocketPath);
        Assert.Throws<IOException>(() => UnixSocketListener.ClearStale(SocketPath));
        Assert.True(Directory.Exists(SocketPath));
    }

    [Fact]
    public void A_link_to_a_stale_socket_is_not_followed()
    {
        LeaveStaleSocket();
        var link = Path.Combine(_directory, "link");
        File.CreateSymbolicLink(link, SocketPath);
        Assert.Throws<IOException>(() => UnixSocketListener.ClearStale(link));
        Assert.True(File.Exists(SocketPath));
    }

    [Fact]
    public void A_missing_directory_is_said_so() =>
        Assert.Throws<DirectoryNotFoundException>(() => UnixSocketListener.ClearStale(Path.Combine(_directory, "no", "s")));

    [Theory]
    [InlineData("relative.sock")]
    [InlineData("/with\0nul")]
    public void A_path_that_cannot_be_a_sockets_is_refused(string path) =>
        Assert.Throws<ArgumentException>(() => UnixSocketListener.ClearStale(path));

    [Fact]
    public void A_path_of_more_than_107_bytes_is_refused_and_one_of_107_is_not()
    {
        var longest = _directory + "/" + new string('s', 107 - _directory.Length - 1);
        UnixSocketListener.ClearStale(longest);
        Assert.Throws<ArgumentException>(() => UnixSocketListener.ClearStale(longest + "s"));
        // Bytes count, not characters.
        Assert.Throws<ArgumentException>(() => UnixSocketListener.ClearStale(longest[..^1] + "é"));
    }

    private Socket Bind(string? path = null)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path ?? SocketPath));
        return socket;
    }

    // Disposing a socket removes the file that it was bound to, which a killed process does not: so move it away first.
    private void LeaveStaleSocket()
    {
        using var killed = Bind(SocketPath + ".bound");
        killed.Listen();
        File.Move(SocketPath + ".bound", SocketPath);
    }
}
