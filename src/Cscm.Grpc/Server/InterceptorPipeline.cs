using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Cscm.Grpc.Server;

/// <summary>Wraps a handler in the registered interceptors, once, when the method is mapped.</summary>
internal static class InterceptorPipeline
{
    public static UnaryServerMethod<TRequest, TResponse> Wrap<TRequest, TResponse>(
        InterceptorCollection interceptors, UnaryServerMethod<TRequest, TResponse> handler)
        where TRequest : class
        where TResponse : class
    {
        foreach (var registration in interceptors.Reverse())
        {
            var next = handler;
            handler = async (request, context) =>
            {
                var interceptor = Get(registration, context, out var owned);
                try
                {
                    return await interceptor.UnaryServerHandler(request, context, next);
                }
                finally
                {
                    if (owned)
                        await Activator<Interceptor>.DisposeAsync(interceptor);
                }
            };
        }
        return handler;
    }

    public static ServerStreamingServerMethod<TRequest, TResponse> Wrap<TRequest, TResponse>(
        InterceptorCollection interceptors, ServerStreamingServerMethod<TRequest, TResponse> handler)
        where TRequest : class
        where TResponse : class
    {
        foreach (var registration in interceptors.Reverse())
        {
            var next = handler;
            handler = async (request, stream, context) =>
            {
                var interceptor = Get(registration, context, out var owned);
                try
                {
                    await interceptor.ServerStreamingServerHandler(request, stream, context, next);
                }
                finally
                {
                    if (owned)
                        await Activator<Interceptor>.DisposeAsync(interceptor);
                }
            };
        }
        return handler;
    }

    public static ClientStreamingServerMethod<TRequest, TResponse> Wrap<TRequest, TResponse>(
        InterceptorCollection interceptors, ClientStreamingServerMethod<TRequest, TResponse> handler)
        where TRequest : class
        where TResponse : class
    {
        foreach (var registration in interceptors.Reverse())
        {
            var next = handler;
            handler = async (stream, context) =>
            {
                var interceptor = Get(registration, context, out var owned);
                try
                {
                    return await interceptor.ClientStreamingServerHandler(stream, context, next);
                }
                finally
                {
                    if (owned)
                        await Activator<Interceptor>.DisposeAsync(interceptor);
                }
            };
        }
        return handler;
    }

    public static DuplexStreamingServerMethod<TRequest, TResponse> Wrap<TRequest, TResponse>(
        InterceptorCollection interceptors, DuplexStreamingServerMethod<TRequest, TResponse> handler)
        where TRequest : class
        where TResponse : class
    {
        foreach (var registration in interceptors.Reverse())
        {
            var next = handler;
            handler = async (requests, responses, context) =>
            {
                var interceptor = Get(registration, context, out var owned);
                try
                {
                    await interceptor.DuplexStreamingServerHandler(requests, responses, context, next);
                }
                finally
                {
                    if (owned)
                        await Activator<Interceptor>.DisposeAsync(interceptor);
                }
            };
        }
        return handler;
    }

    private static Interceptor Get(InterceptorRegistration registration, ServerCallContext context, out bool owned) =>
        registration.Activator.Get(context.GetHttpContext().RequestServices, out owned);
}
