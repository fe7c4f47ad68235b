using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Cscm.Grpc.Server;

/// <summary>
/// Receives each method from the generated <c>BindService</c> and maps it. Handlers become open delegates on the service
/// type, so a call costs no reflection, and every generic instantiation is known at compile time: safe to trim.
/// </summary>
internal sealed class ServiceBinder<[DynamicallyAccessedMembers(ServiceMembers)] TService>(
    IEndpointRouteBuilder endpoints, GrpcServiceOptions options, ILogger logger) : ServiceBinderBase
    where TService : class
{
    internal const DynamicallyAccessedMemberTypes ServiceMembers =
        DynamicallyAccessedMemberTypes.PublicConstructors | DynamicallyAccessedMemberTypes.PublicMethods;

    private readonly Activator<TService> _activator = new([]);

    private delegate Task<TResponse> Unary<TRequest, TResponse>(TService service, TRequest request, ServerCallContext context);

    private delegate Task<TResponse> ClientStreaming<TRequest, TResponse>(
        TService service, IAsyncStreamReader<TRequest> requests, ServerCallContext context);

    private delegate Task ServerStreaming<TRequest, TResponse>(
        TService service, TRequest request, IServerStreamWriter<TResponse> responses, ServerCallContext context);

    private delegate Task Duplex<TRequest, TResponse>(
        TService service, IAsyncStreamReader<TRequest> requests, IServerStreamWriter<TResponse> responses, ServerCallContext context);

    public List<IEndpointConventionBuilder> Conventions { get; } = [];

    public HashSet<string> ServiceNames { get; } = new(StringComparer.Ordinal);

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, UnaryServerMethod<TRequest, TResponse>? handler)
    {
        var open = Open<Unary<TRequest, TResponse>>(method, typeof(TRequest), typeof(ServerCallContext));
        var pipeline = InterceptorPipeline.Wrap<TRequest, TResponse>(options.Interceptors, (request, context) =>
        {
            var service = GetService(context, out var owned);
            return owned ? DisposeAfter(service, open(service, request, context)) : open(service, request, context);
        });
        Map(method, new UnaryHandler<TRequest, TResponse>(method, pipeline, options, logger));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ClientStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var open = Open<ClientStreaming<TRequest, TResponse>>(method, typeof(IAsyncStreamReader<TRequest>), typeof(ServerCallContext));
        var pipeline = InterceptorPipeline.Wrap<TRequest, TResponse>(options.Interceptors, (requests, context) =>
        {
            var service = GetService(context, out var owned);
            return owned ? DisposeAfter(service, open(service, requests, context)) : open(service, requests, context);
        });
        Map(method, new ClientStreamingHandler<TRequest, TResponse>(method, pipeline, options, logger));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, ServerStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var open = Open<ServerStreaming<TRequest, TResponse>>(
            method, typeof(TRequest), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext));
        var pipeline = InterceptorPipeline.Wrap<TRequest, TResponse>(options.Interceptors, (request, responses, context) =>
        {
            var service = GetService(context, out var owned);
            var running = open(service, request, responses, context);
            return owned ? DisposeAfter(service, running) : running;
        });
        Map(method, new ServerStreamingHandler<TRequest, TResponse>(method, pipeline, options, logger));
    }

    public override void AddMethod<TRequest, TResponse>(
        Method<TRequest, TResponse> method, DuplexStreamingServerMethod<TRequest, TResponse>? handler)
    {
        var open = Open<Duplex<TRequest, TResponse>>(
            method, typeof(IAsyncStreamReader<TRequest>), typeof(IServerStreamWriter<TResponse>), typeof(ServerCallContext));
        var pipeline = InterceptorPipeline.Wrap<TRequest, TResponse>(options.Interceptors, (requests, responses, context) =>
        {
            var service = GetService(context, out var owned);
            var running = open(service, requests, responses, context);
            return owned ? DisposeAfter(service, running) : running;
        });
        Map(method, new DuplexStreamingHandler<TRequest, TResponse>(method, pipeline, options, logger));
    }

    private static TDelegate Open<TDelegate>(IMethod method, params Type[] parameterTypes)
        where TDelegate : Delegate
    {
        var found = typeof(TService).GetMethod(method.Name, BindingFlags.Public | BindingFlags.Instance, parameterTypes)
            ?? throw new InvalidOperationException($"{typeof(TService)} has no public method for {method.FullName}.");
        return found.CreateDelegate<TDelegate>();
    }

    private static async Task<TResponse> DisposeAfter<TResponse>(TService service, Task<TResponse> running)
    {
        try
        {
            return await running;
        }
        finally
        {
            await Activator<TService>.DisposeAsync(service);
        }
    }

    private static async Task DisposeAfter(TService service, Task running)
    {
        try
        {
            await running;
        }
        finally
        {
            await Activator<TService>.DisposeAsync(service);
        }
    }

    private TService GetService(ServerCallContext context, out bool owned) =>
        _activator.Get(context.GetHttpContext().RequestServices, out owned);

    private void Map(IMethod method, MethodHandler handler)
    {
        ServiceNames.Add(method.ServiceName);
        RequestDelegate run = handler.HandleAsync;
        var convention = endpoints.MapMethods(method.FullName, [HttpMethods.Post], run);
        convention.WithDisplayName($"gRPC - {method.FullName}");
        convention.WithMetadata(new GrpcMethodMetadata(typeof(TService), method));
        Conventions.Add(convention);
    }
}
