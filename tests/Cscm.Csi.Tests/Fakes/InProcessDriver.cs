using System.Reflection;
using Cscm.Csi.Controller;
using Cscm.Csi.Logging;
using Cscm.Csi.Metrics;
using Cscm.Csi.Node;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Service = Csi.V1.PluginCapability.Types.Service.Types.Type;

namespace Cscm.Csi.Tests.Fakes;

/// <summary>All CSI services over fake storage, called by a request's type and through the call pipeline, as a server would.</summary>
internal sealed class InProcessDriver
{
    public const string NodeId = "node-a";

    private readonly object[] _services;
    private readonly CallInterceptor _interceptor;

    public InProcessDriver(LogLevel logLevel = LogLevel.Debug)
    {
        var driver = new DriverInfo(NodeId);
        Log = new RecordingLogger<CallInterceptor>(logLevel);
        _interceptor = new CallInterceptor(Log, new CallMetrics());
        _services =
        [
            new IdentityService(new IdentityServices([Service.ControllerService]), new Readiness()),
            new ControllerService(Storage, driver),
            new GroupControllerService(Storage),
            new SnapshotMetadataService(Storage),
            new NodeService(Storage, Storage, driver),
        ];
    }

    public FakeStorage Storage { get; } = new();

    public RecordingLogger<CallInterceptor> Log { get; }

    /// <summary>Calls the RPC that takes this request: CSI names requests after their RPC.</summary>
    /// <returns>The responses: one, or those of a stream.</returns>
    public Task<IReadOnlyList<IMessage>> CallAsync(IMessage request, DateTime? deadline = null, CancellationToken cancellationToken = default)
    {
        string name = request.Descriptor.Name[..^"Request".Length];
        object service = _services.First(candidate => candidate.GetType().GetMethod(name) is not null);
        MethodInfo method = service.GetType().GetMethod(name)!;
        Type response = method.ReturnType.IsGenericType
            ? method.ReturnType.GetGenericArguments()[0]
            : method.GetParameters()[1].ParameterType.GetGenericArguments()[0];
        var context = new FakeContext($"/csi.v1/{name}", deadline, cancellationToken);
        MethodInfo run = typeof(InProcessDriver)
            .GetMethod(method.ReturnType.IsGenericType ? nameof(UnaryAsync) : nameof(StreamAsync), BindingFlags.NonPublic | BindingFlags.Instance)!
            .MakeGenericMethod(request.GetType(), response);
        return (Task<IReadOnlyList<IMessage>>)run.Invoke(this, [service, method, request, context])!;
    }

    /// <summary>Calls, and returns the status that the caller would see.</summary>
    public async Task<Status> StatusOfAsync(IMessage request)
    {
        try
        {
            await CallAsync(request);
            return Status.DefaultSuccess;
        }
        catch (RpcException exception)
        {
            return exception.Status;
        }
    }

    private async Task<IReadOnlyList<IMessage>> UnaryAsync<TRequest, TResponse>(object service, MethodInfo method, TRequest request, ServerCallContext context)
        where TRequest : class
        where TResponse : class
    {
        var handler = method.CreateDelegate<UnaryServerMethod<TRequest, TResponse>>(service);
        return [(IMessage)await _interceptor.UnaryServerHandler(request, context, handler)];
    }

    private async Task<IReadOnlyList<IMessage>> StreamAsync<TRequest, TResponse>(object service, MethodInfo method, TRequest request, ServerCallContext context)
        where TRequest : class
        where TResponse : class
    {
        var handler = method.CreateDelegate<ServerStreamingServerMethod<TRequest, TResponse>>(service);
        var stream = new Collector<TResponse>();
        await _interceptor.ServerStreamingServerHandler(request, stream, context, handler);
        return stream.Messages;
    }

    private sealed class Readiness : IReadiness
    {
        public bool IsReady => true;
    }

    private sealed class Collector<T> : IServerStreamWriter<T>
    {
        public List<IMessage> Messages { get; } = [];
        public WriteOptions? WriteOptions { get; set; }

        public Task WriteAsync(T message)
        {
            Messages.Add((IMessage)message!);
            return Task.CompletedTask;
        }

        public Task WriteAsync(T message, CancellationToken cancellationToken) => WriteAsync(message);
    }
}
