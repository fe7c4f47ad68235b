using System.Reflection;
using Cscm.Grpc.Reflection;
using Grpc.AspNetCore.Server;
using Grpc.Core;
using Microsoft.AspNetCore.Routing;

namespace Microsoft.Extensions.DependencyInjection
{
    public static class GrpcReflectionServiceExtensions
    {
        /// <summary>Lets tools ask for the services that are mapped when the first of them asks.</summary>
        public static IServiceCollection AddGrpcReflection(this IServiceCollection services)
        {
            ArgumentNullException.ThrowIfNull(services);
            services.AddSingleton(provider => new SymbolRegistry(MappedServices.Find(provider.GetRequiredService<EndpointDataSource>())));
            services.AddSingleton<ReflectionServiceV1>();
            services.AddSingleton<ReflectionServiceV1Alpha>();
            return services;
        }
    }
}

namespace Microsoft.AspNetCore.Builder
{
    public static class GrpcReflectionEndpointRouteBuilderExtensions
    {
        public static IEndpointConventionBuilder MapGrpcReflectionService(this IEndpointRouteBuilder builder)
        {
            builder.MapGrpcService<ReflectionServiceV1Alpha>();
            return builder.MapGrpcService<ReflectionServiceV1>();
        }
    }
}

namespace Cscm.Grpc.Reflection
{
    internal static class MappedServices
    {
        public static IEnumerable<Google.Protobuf.Reflection.ServiceDescriptor> Find(EndpointDataSource endpoints)
        {
            var types = endpoints.Endpoints
                .Select(endpoint => endpoint.Metadata.GetMetadata<GrpcMethodMetadata>()?.ServiceType)
                .OfType<Type>()
                .Distinct();
            foreach (var type in types)
            {
                // The generated class beside the service's base has the descriptor; the attribute keeps it through trimming.
                var bindType = type.GetCustomAttribute<BindServiceMethodAttribute>(inherit: true)?.BindType;
                if (bindType?.GetProperty("Descriptor", BindingFlags.Public | BindingFlags.Static)?.GetValue(null) is Google.Protobuf.Reflection.ServiceDescriptor descriptor)
                    yield return descriptor;
            }
        }
    }
}
