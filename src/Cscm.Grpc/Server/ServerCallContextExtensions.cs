using Cscm.Grpc.Server;
using Microsoft.AspNetCore.Http;

namespace Grpc.Core;

public static class ServerCallContextExtensions
{
    /// <summary>The HTTP request under a call.</summary>
    /// <exception cref="InvalidOperationException">The context was not made by a server.</exception>
    public static HttpContext GetHttpContext(this ServerCallContext serverCallContext) =>
        (serverCallContext as HttpServerCallContext)?.Http
        ?? throw new InvalidOperationException("This context has no HTTP request: it was not made by a server.");
}
