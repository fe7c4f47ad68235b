using System.Diagnostics;
using Cscm.Csi.Metrics;
using Cscm.Storage;
using Grpc.Core;
using Grpc.Core.Interceptors;
using Google.Protobuf;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Logging;

/// <summary>
/// Around every call: turns storage's refusals and unforeseen faults into exact statuses, and writes one line with method, code,
/// duration and volume. Requests are written at Debug, their secrets stripped; so is a call that concerns no volume or snapshot and
/// succeeded: the kubelet asks for capabilities nine times a volume, the probe comes three times a minute. Thread-safe.
/// </summary>
public sealed partial class CallInterceptor(ILogger<CallInterceptor> logger, CallMetrics metrics) : Interceptor
{
    public override async Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Call call = Begin(request, context);
        try
        {
            TResponse response = await continuation(request, context);
            call.End(logger, metrics, StatusCode.OK, "");
            return response;
        }
        catch (Exception exception)
        {
            throw Fail(exception, call, context);
        }
    }

    public override async Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context,
        ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Call call = Begin(request, context);
        try
        {
            await continuation(request, responseStream, context);
            call.End(logger, metrics, StatusCode.OK, "");
        }
        catch (Exception exception)
        {
            throw Fail(exception, call, context);
        }
    }

    private Call Begin<TRequest>(TRequest request, ServerCallContext context)
        where TRequest : class
    {
        if (request is IMessage message && logger.IsEnabled(LogLevel.Debug))
            LogRequest(logger, context.Method, SecretStripper.Format(message));
        return new Call(context.Method, CallSubject.Of(request), Stopwatch.GetTimestamp());
    }

    private RpcException Fail(Exception exception, in Call call, ServerCallContext context)
    {
        RpcException answer = exception switch
        {
            RpcException refusal => refusal,
            StorageException refusal => StorageStatus.ToRpcException(refusal),
            OperationCanceledException when context.CancellationToken.IsCancellationRequested => Cancelled(context),
            _ => new RpcException(new Status(
                StatusCode.Internal, $"{context.Method} failed inside the driver: see its log at this time, then repeat the call")),
        };
        // Ours to mend, so the log gets what the caller must not see.
        if (answer.StatusCode is StatusCode.Internal or StatusCode.Unknown)
            LogFault(logger, exception, call.Method, call.Subject);
        call.End(logger, metrics, answer.StatusCode, answer.Status.Detail);
        return answer;
    }

    private static RpcException Cancelled(ServerCallContext context)
    {
        bool isLate = context.Deadline <= TimeProvider.System.GetUtcNow().UtcDateTime;
        return new RpcException(isLate
            ? new Status(StatusCode.DeadlineExceeded, "the deadline passed; what was begun is finished or undone when the call is repeated")
            : new Status(StatusCode.Cancelled, "the caller gave up; what was begun is finished or undone when the call is repeated"));
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Debug, Message = "{Method} request {Request}")]
    private static partial void LogRequest(ILogger logger, string method, string request);

    [LoggerMessage(EventId = 2, Level = LogLevel.Error, Message = "{Method} {Subject} failed")]
    private static partial void LogFault(ILogger logger, Exception exception, string method, string subject);

    [LoggerMessage(EventId = 3, Message = "{Method} {Code} {Milliseconds:F1} ms {Subject} {Detail}")]
    private static partial void LogCall(ILogger logger, LogLevel level, string method, StatusCode code, double milliseconds, string subject, string detail);

    private readonly record struct Call(string Method, string Subject, long StartTimestamp)
    {
        public void End(ILogger logger, CallMetrics metrics, StatusCode code, string detail)
        {
            TimeSpan duration = Stopwatch.GetElapsedTime(StartTimestamp);
            metrics.Add(Method, code, duration);
            LogLevel level = code == StatusCode.OK && Subject == CallSubject.None ? LogLevel.Debug : LogLevel.Information;
            LogCall(logger, level, Method, code, duration.TotalMilliseconds, Subject, SingleLine.Of(detail));
        }
    }
}
