using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Cscm.Grpc.Server;

/// <summary>Runs one method: from the HTTP request to the call's status, whatever the handler does.</summary>
internal abstract class MethodHandler(IMethod method, GrpcServiceOptions options, ILogger logger)
{
    private const string GeneralMessage = "Exception was thrown by handler.";

    public async Task HandleAsync(HttpContext http)
    {
        if (!await RequestGuard.AcceptAsync(http))
            return;
        LiftBodyLimits(http);
        using var call = new HttpServerCallContext(http, method, options);
        try
        {
            // Routes match in any case; names of methods do not.
            if (!string.Equals(http.Request.Path.Value, method.FullName, StringComparison.Ordinal))
                throw new RpcException(new Status(StatusCode.Unimplemented, "Method is unimplemented."));
            call.Start();
            await RunAsync(call);
            call.End(call.DeadlinePassed ? DeadlineExceeded() : call.Status);
        }
        // Whatever it is, the caller has to get a status.
        catch (Exception exception)
        {
            var (status, trailers) = Translate(exception, call);
            call.End(status, trailers);
        }
    }

    /// <summary>Reads what the method takes, calls the handler, writes what it gives.</summary>
    protected abstract Task RunAsync(HttpServerCallContext call);

    private static Status DeadlineExceeded() => new(StatusCode.DeadlineExceeded, "Deadline exceeded.");

    private static void LiftBodyLimits(HttpContext http)
    {
        // Each message has its own limit; a stream of them has none in size or pace.
        if (http.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } bodySize)
            bodySize.MaxRequestBodySize = null;
        if (http.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } dataRate)
            dataRate.MinDataRate = null;
    }

    private (Status Status, Metadata? Trailers) Translate(Exception exception, HttpServerCallContext call)
    {
        if (call.DeadlinePassed)
            return (DeadlineExceeded(), null);
        if (exception is RpcException rpc)
        {
            // OK cannot be thrown: the handler did not finish.
            return rpc.StatusCode == StatusCode.OK
                ? (new Status(StatusCode.Unknown, GeneralMessage), rpc.Trailers)
                : (rpc.Status, rpc.Trailers);
        }
        if (exception is OperationCanceledException || call.Http.RequestAborted.IsCancellationRequested)
            return (new Status(StatusCode.Cancelled, "The call was cancelled."), null);
        if (exception is ConnectionResetException or ConnectionAbortedException or BadHttpRequestException)
            return (new Status(StatusCode.Cancelled, "The request ended before its message did."), null);

        ServerLog.HandlerFailed(logger, method.FullName, exception);
        var detail = options.EnableDetailedErrors == true
            ? $"{GeneralMessage} {exception.GetType().Name}: {exception.Message}"
            : GeneralMessage;
        return (new Status(StatusCode.Unknown, detail), null);
    }
}

internal static partial class ServerLog
{
    [LoggerMessage(1, LogLevel.Error, "Unforeseen exception in the handler of {Method}")]
    public static partial void HandlerFailed(ILogger logger, string method, Exception exception);
}
