using Cscm.Grpc.Protocol;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Cscm.Grpc.Server;

/// <summary>Turns away requests that are not gRPC, in the language of HTTP, since their sender does not speak gRPC's.</summary>
internal static class RequestGuard
{
    public static async ValueTask<bool> AcceptAsync(HttpContext http)
    {
        if (!HttpProtocol.IsHttp2(http.Request.Protocol) && !HttpProtocol.IsHttp3(http.Request.Protocol))
            return await RefuseAsync(http, StatusCodes.Status426UpgradeRequired, "gRPC needs HTTP/2.");
        if (!GrpcHeaders.IsProtobufContentType(http.Request.ContentType))
            return await RefuseAsync(http, StatusCodes.Status415UnsupportedMediaType, $"The content type must be {GrpcHeaders.ContentType}.");
        return true;
    }

    public static Task UnimplementedAsync(HttpContext http, string what)
    {
        http.Response.ContentType = GrpcHeaders.ContentType;
        HttpMetadata.AppendStatus(new Status(StatusCode.Unimplemented, $"{what} is unimplemented."), http.Response.Headers);
        return Task.CompletedTask;
    }

    private static async ValueTask<bool> RefuseAsync(HttpContext http, int statusCode, string why)
    {
        http.Response.StatusCode = statusCode;
        if (statusCode == StatusCodes.Status426UpgradeRequired)
            http.Response.Headers.Upgrade = "h2c";
        http.Response.ContentType = "text/plain";
        await http.Response.WriteAsync(why);
        return false;
    }
}
