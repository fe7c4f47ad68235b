using System.Globalization;
using System.Text;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Cscm.Grpc.TestHost;

/// <summary>
/// Answers every CSI call in the way its headers ask for (tests/interop/README.md lists them). Other services, and calls
/// with "x-pass", go on to their own handler.
/// </summary>
public sealed class ScriptInterceptor : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(continuation);
        ChooseCompression(context);
        await PlayAsync(request, context);
        if (Passes(context))
            return await continuation(request, context);
        return Filler.Fill<TResponse>();
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request,
        IServerStreamWriter<TResponse> responseStream,
        ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        ArgumentNullException.ThrowIfNull(responseStream);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(continuation);
        ChooseCompression(context);
        if (Passes(context))
        {
            await continuation(request, responseStream, context);
            return;
        }
        for (var left = Number(context, "x-count") ?? 3; left > 0; left--)
            await responseStream.WriteAsync(Filler.Fill<TResponse>());
        // After the messages, so that a failure finds the stream begun.
        await PlayAsync(request, context);
    }

    private static void ChooseCompression(ServerCallContext context)
    {
        if (context.RequestHeaders.Get("x-gzip") is null)
            context.WriteOptions = new WriteOptions(WriteFlags.NoCompress);
    }

    private static bool Passes(ServerCallContext context) =>
        !context.Method.StartsWith("/csi.v1.", StringComparison.Ordinal) || context.RequestHeaders.Get("x-pass") is not null;

    private static async Task PlayAsync<TRequest>(TRequest request, ServerCallContext context)
        where TRequest : class
    {
        if (context.RequestHeaders.Get("x-verify") is not null && !request.Equals(Filler.Fill<TRequest>()))
            throw new RpcException(new Status(StatusCode.InvalidArgument, $"The request is not filled by the rule: {request}"));

        await EchoMetadataAsync(context);
        if (Number(context, "x-delay-ms") is { } delay)
            await DelayAsync(delay, context);
        if (context.RequestHeaders.Get("x-throw") is not null)
            throw new InvalidOperationException("An internal matter with a /secret/path.");
        if (context.RequestHeaders.Get("x-cancel") is not null)
            throw new OperationCanceledException("An internal matter.");
        if (Number(context, "x-status") is { } code)
        {
            var message = Encoding.UTF8.GetString(context.RequestHeaders.GetValueBytes("x-message-bin") ?? []);
            throw new RpcException(new Status((StatusCode)code, message), new Metadata { { "x-trailer", "of the exception" } });
        }
    }

    private static async Task EchoMetadataAsync(ServerCallContext context)
    {
        var headers = new Metadata();
        foreach (var entry in context.RequestHeaders.Where(entry => entry.Key.StartsWith("x-echo", StringComparison.Ordinal)))
        {
            headers.Add(entry);
            context.ResponseTrailers.Add(entry);
        }
        if (headers.Count > 0)
            await context.WriteResponseHeadersAsync(headers);
    }

    private static async Task DelayAsync(int milliseconds, ServerCallContext context)
    {
        using var call = Calls.Enter(context.RequestHeaders.GetValue("x-call") ?? "");
        try
        {
            await Task.Delay(milliseconds, context.CancellationToken);
        }
        catch (OperationCanceledException)
        {
            call.Cancelled();
            throw;
        }
    }

    private static int? Number(ServerCallContext context, string key) =>
        context.RequestHeaders.GetValue(key) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
