using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Cscm.Grpc.Server;

internal sealed class UnaryHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse> pipeline, GrpcServiceOptions options, ILogger logger)
    : MethodHandler(method, options, logger)
    where TRequest : class
    where TResponse : class
{
    protected override async Task RunAsync(HttpServerCallContext call)
    {
        var request = await call.Reader.ReadSingleAsync(method.RequestMarshaller, call.CancellationToken);
        var response = await pipeline(request, call) ?? throw new InvalidOperationException("The handler returned null.");
        if (call.Status.StatusCode == StatusCode.OK && !call.DeadlinePassed)
            call.Write(method.ResponseMarshaller, response);
    }
}

internal sealed class ServerStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse> pipeline, GrpcServiceOptions options, ILogger logger)
    : MethodHandler(method, options, logger)
    where TRequest : class
    where TResponse : class
{
    protected override async Task RunAsync(HttpServerCallContext call)
    {
        var request = await call.Reader.ReadSingleAsync(method.RequestMarshaller, call.CancellationToken);
        await pipeline(request, new ResponseStream<TResponse>(call, method.ResponseMarshaller), call);
    }
}

internal sealed class ClientStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse> pipeline, GrpcServiceOptions options, ILogger logger)
    : MethodHandler(method, options, logger)
    where TRequest : class
    where TResponse : class
{
    protected override async Task RunAsync(HttpServerCallContext call)
    {
        var response = await pipeline(new RequestStream<TRequest>(call, method.RequestMarshaller), call)
            ?? throw new InvalidOperationException("The handler returned null.");
        if (call.Status.StatusCode == StatusCode.OK && !call.DeadlinePassed)
            call.Write(method.ResponseMarshaller, response);
    }
}

internal sealed class DuplexStreamingHandler<TRequest, TResponse>(
    Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse> pipeline, GrpcServiceOptions options, ILogger logger)
    : MethodHandler(method, options, logger)
    where TRequest : class
    where TResponse : class
{
    protected override Task RunAsync(HttpServerCallContext call) => pipeline(
        new RequestStream<TRequest>(call, method.RequestMarshaller), new ResponseStream<TResponse>(call, method.ResponseMarshaller), call);
}
