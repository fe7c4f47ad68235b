using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Cscm.Grpc.Protocol;
using Cscm.Grpc.Server;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.AspNetCore.Builder;

public static class GrpcEndpointRouteBuilderExtensions
{
    private const string FallbackPattern = "{service}/{method}";

    /// <summary>Serves every method of a generated service. Without <c>AddGrpc</c> it throws.</summary>
    public static GrpcServiceEndpointConventionBuilder MapGrpcService<
        [DynamicallyAccessedMembers(ServiceBinder<object>.ServiceMembers)] TService>(this IEndpointRouteBuilder builder)
        where TService : class
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = builder.ServiceProvider.GetRequiredService<IOptions<GrpcServiceOptions>>().Value;
        var logger = builder.ServiceProvider.GetRequiredService<ILoggerFactory>().CreateLogger<TService>();

        var binder = new ServiceBinder<TService>(builder, options, logger);
        Bind(binder);
        foreach (var serviceName in binder.ServiceNames)
            MapUnknownMethods(builder, serviceName);
        MapUnknownServices(builder);
        return new GrpcServiceEndpointConventionBuilder(binder.Conventions);
    }

    private static void Bind<[DynamicallyAccessedMembers(ServiceBinder<object>.ServiceMembers)] TService>(ServiceBinder<TService> binder)
        where TService : class
    {
        var attribute = typeof(TService).GetCustomAttribute<BindServiceMethodAttribute>(inherit: true)
            ?? throw new InvalidOperationException(
                $"{typeof(TService)} is no gRPC service: derive it from the base class that the protobuf compiler generates.");
        var bind = attribute.BindType
            .GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
            .Single(method => method.Name == attribute.BindMethodName
                && method.GetParameters() is [var first, _] && first.ParameterType == typeof(ServiceBinderBase));
        // Without an instance: the binder makes delegates that take one for each call.
        bind.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [binder, null], null);
    }

    private static void MapUnknownMethods(IEndpointRouteBuilder builder, string serviceName)
    {
        RequestDelegate unimplemented = http => AnswerAsync(http, "Method");
        builder.MapMethods($"{serviceName}/{{unknown}}", [HttpMethods.Post], unimplemented)
            .WithDisplayName($"gRPC - unknown method of {serviceName}");
    }

    private static void MapUnknownServices(IEndpointRouteBuilder builder)
    {
        if (builder.DataSources.SelectMany(source => source.Endpoints).Any(endpoint => endpoint.Metadata.GetMetadata<Fallback>() is not null))
            return;
        RequestDelegate unimplemented = http => AnswerAsync(http, "Service");
        builder.MapMethods(FallbackPattern, [HttpMethods.Post], unimplemented)
            .WithDisplayName("gRPC - unknown service")
            .WithMetadata(new Fallback());
    }

    private static async Task AnswerAsync(HttpContext http, string what)
    {
        if (!GrpcHeaders.IsGrpcContentType(http.Request.ContentType))
            http.Response.StatusCode = StatusCodes.Status404NotFound;
        else if (await RequestGuard.AcceptAsync(http))
            await RequestGuard.UnimplementedAsync(http, what);
    }

    private sealed class Fallback;
}

/// <summary>Applies conventions to every method of a service.</summary>
public sealed class GrpcServiceEndpointConventionBuilder : IEndpointConventionBuilder
{
    private readonly IReadOnlyList<IEndpointConventionBuilder> _methods;

    internal GrpcServiceEndpointConventionBuilder(IReadOnlyList<IEndpointConventionBuilder> methods) => _methods = methods;

    public void Add(Action<EndpointBuilder> convention)
    {
        foreach (var method in _methods)
            method.Add(convention);
    }
}
