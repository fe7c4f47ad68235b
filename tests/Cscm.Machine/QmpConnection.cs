using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Cscm.Machine;

/// <summary>QEMU's control socket: one JSON object a line, one command at a time (docs/interop/qmp-spec of QEMU).</summary>
internal sealed class QmpConnection : IDisposable
{
    private readonly NetworkStream _stream;
    private readonly StreamReader _reader;

    private QmpConnection(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new StreamReader(_stream);
    }

    public static async Task<QmpConnection> OpenAsync(Socket socket, CancellationToken cancellationToken)
    {
        var connection = new QmpConnection(socket);
        await connection.ReadAsync(cancellationToken); // the greeting
        await connection.RunAsync("qmp_capabilities", null, cancellationToken);
        return connection;
    }

    /// <exception cref="MachineException">QEMU refused.</exception>
    public async Task<JsonNode?> RunAsync(string command, JsonObject? arguments, CancellationToken cancellationToken)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments is not null)
            request["arguments"] = arguments;
        await _stream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(request), cancellationToken);
        while (true)
        {
            JsonNode answer = await ReadAsync(cancellationToken);
            if (answer["error"] is JsonNode error)
                throw new MachineException($"QEMU refused {command}: {error["desc"]}");
            if (answer.AsObject().ContainsKey("return"))
                return answer["return"];
            // Anything else is an event.
        }
    }

    /// <summary>Saves or restores the machine's state, all but memory that is shared with a file.</summary>
    public async Task MigrateAsync(string command, string file, CancellationToken cancellationToken)
    {
        var ignoreShared = new JsonObject { ["capability"] = "x-ignore-shared", ["state"] = true };
        await RunAsync("migrate-set-capabilities", new JsonObject { ["capabilities"] = new JsonArray(ignoreShared) }, cancellationToken);
        await RunAsync(command, new JsonObject { ["uri"] = "file:" + file }, cancellationToken);
        while (true)
        {
            JsonNode? state = await RunAsync("query-migrate", null, cancellationToken);
            switch ((string?)state?["status"])
            {
                case "completed":
                    return;
                case "failed":
                    throw new MachineException($"QEMU could not {command} {file}: {state["error-desc"]}");
                default:
                    await Task.Delay(5, cancellationToken);
                    break;
            }
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _stream.Dispose();
    }

    private async Task<JsonNode> ReadAsync(CancellationToken cancellationToken)
    {
        string line = await _reader.ReadLineAsync(cancellationToken) ?? throw new MachineException("QEMU ended");
        return JsonNode.Parse(line)!;
    }
}
