using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using System.IO.Compression;
using Cscm.Grpc.Protocol;
using Cscm.Grpc.Server;
using Grpc.Core.Interceptors;

namespace Grpc.AspNetCore.Server;

/// <summary>What holds for every service of a server.</summary>
public class GrpcServiceOptions
{
    /// <summary>Bytes; null for no limit. A larger message is refused with RESOURCE_EXHAUSTED.</summary>
    public int? MaxReceiveMessageSize { get; set; } = GrpcHeaders.DefaultMaxReceiveMessageSizeBytes;

    /// <summary>Bytes; null for no limit.</summary>
    public int? MaxSendMessageSize { get; set; }

    /// <summary>Tells callers the type and message of an unforeseen exception. Never its stack. For debugging only.</summary>
    public bool? EnableDetailedErrors { get; set; }

    /// <summary>"gzip", or null for none; used when the caller accepts it.</summary>
    public string? ResponseCompressionAlgorithm { get; set; }

    public CompressionLevel? ResponseCompressionLevel { get; set; }

    /// <summary>Outermost first.</summary>
    public InterceptorCollection Interceptors { get; } = [];
}

public class InterceptorCollection : Collection<InterceptorRegistration>
{
    /// <summary>Taken from the container if it is registered there, made for each call if not.</summary>
    public void Add<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TInterceptor>(params object[] args)
        where TInterceptor : Interceptor => Add(new InterceptorRegistration(typeof(TInterceptor), new Activator<TInterceptor>(args)));
}

public class InterceptorRegistration
{
    internal InterceptorRegistration(Type type, IActivator<Interceptor> activator)
    {
        Type = type;
        Activator = activator;
    }

    public Type Type { get; }

    internal IActivator<Interceptor> Activator { get; }
}
