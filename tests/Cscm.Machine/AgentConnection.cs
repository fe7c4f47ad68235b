using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Cscm.Machine;

/// <summary>The host's end of the agent's protocol; the frames are described in tests/vm/guest/agent.c.</summary>
internal sealed class AgentConnection : IDisposable
{
    private const int HeadBytes = 12;

    private readonly NetworkStream _stream;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly SemaphoreSlim _ready = new(0);
    private readonly ConcurrentDictionary<uint, GuestProcess> _processes = new();
    private readonly Task _reading;
    private int _lastId;

    public AgentConnection(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reading = Task.Run(ReadFramesAsync);
    }

    /// <summary>Waits until the agent says that it has booted or has taken a restored machine's time and seed.</summary>
    public async Task WaitUntilReadyAsync(CancellationToken cancellationToken)
    {
        Task ready = _ready.WaitAsync(cancellationToken);
        if (await Task.WhenAny(ready, _reading) == _reading)
            throw new MachineException("the machine ended before its agent was ready");
        await ready;
    }

    /// <summary>Sets the time of day and reseeds the machine's random numbers, which a saved state would repeat.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        byte[] body = new byte[8 + 32];
        BinaryPrimitives.WriteInt64LittleEndian(body, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
        RandomNumberGenerator.Fill(body.AsSpan(8));
        await SendAsync(0, 'T', body, cancellationToken);
        await WaitUntilReadyAsync(cancellationToken);
    }

    public async Task<GuestProcess> StartAsync(
        IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment, string directory, ReadOnlyMemory<byte> input, CancellationToken cancellationToken)
    {
        uint id = (uint)Interlocked.Increment(ref _lastId);
        var process = new GuestProcess(string.Join(' ', command), signal => SendAsync(id, 'S', BitConverter.GetBytes(signal), CancellationToken.None));
        _processes[id] = process;
        using var body = new MemoryStream();
        body.Write(BitConverter.GetBytes(command.Count));
        body.Write(BitConverter.GetBytes(environment?.Count ?? 0));
        body.Write(BitConverter.GetBytes(input.Length));
        foreach (string text in command.Prepend(directory).Concat(environment?.Select(variable => $"{variable.Key}={variable.Value}") ?? []))
            body.Write(Encoding.UTF8.GetBytes(text + '\0'));
        body.Write(input.Span);
        await SendAsync(id, 'X', body.ToArray(), cancellationToken);
        if (_reading.IsCompleted)
            process.Lose();
        return process;
    }

    public void Dispose() => _stream.Dispose();

    private async Task SendAsync(uint id, char kind, byte[] body, CancellationToken cancellationToken)
    {
        byte[] frame = new byte[HeadBytes + body.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), id);
        frame[8] = (byte)kind;
        body.CopyTo(frame, HeadBytes);
        await _writing.WaitAsync(cancellationToken);
        try
        {
            await _stream.WriteAsync(frame, cancellationToken);
        }
        catch (IOException exception)
        {
            throw new MachineException("the machine has ended", exception);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task ReadFramesAsync()
    {
        byte[] head = new byte[HeadBytes];
        try
        {
            while (true)
            {
                await _stream.ReadExactlyAsync(head);
                byte[] body = new byte[BinaryPrimitives.ReadInt32LittleEndian(head)];
                await _stream.ReadExactlyAsync(body);
                Dispatch(BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(4)), (char)head[8], body);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // The machine ended or was cut off: whoever waits for a command must not wait for ever.
            foreach (GuestProcess process in _processes.Values)
                process.Lose();
        }
    }

    private void Dispatch(uint id, char kind, byte[] body)
    {
        if (kind == 'R')
            _ready.Release();
        else if (kind == 'Q' && _processes.TryRemove(id, out GuestProcess? ended))
            ended.End(BinaryPrimitives.ReadInt32LittleEndian(body));
        else if (_processes.TryGetValue(id, out GuestProcess? process))
            process.Append(isError: kind == 'E', body);
    }
}
