using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Cscm.Csi.Metrics;

/// <summary>Serves all registered <see cref="IMetricsSource"/>s at <c>/metrics</c> of an address of their own, plain HTTP, nothing else there.</summary>
public static class MetricsEndpoint
{
    public static void ListenForMetrics(this KestrelServerOptions options, IPEndPoint address)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Listen(address, listen => listen.Protocols = HttpProtocols.Http1);
    }

    /// <summary>Goes before all else: what comes over TCP ends here and never reaches the driver's services.</summary>
    public static void UseMetrics(this IApplicationBuilder app) => app.MapWhen(
        context => context.Connection.LocalIpAddress is not null,
        metrics => metrics.Run(async context =>
        {
            if (context.Request.Path != "/metrics" || !HttpMethods.IsGet(context.Request.Method))
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }
            var text = new MetricsText();
            foreach (IMetricsSource source in context.RequestServices.GetServices<IMetricsSource>())
                source.Write(text);
            context.Response.ContentType = MetricsText.ContentType;
            await context.Response.WriteAsync(text.ToString());
        }));

    /// <summary>Reads <c>127.0.0.1:9808</c>, <c>[::]:9808</c> or <c>:9808</c> (all addresses); null if it is none of them.</summary>
    public static IPEndPoint? ParseAddress(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string full = text.StartsWith(':') ? "[::]" + text : text;
        return IPEndPoint.TryParse(full, out IPEndPoint? address) && address.Port > 0 ? address : null;
    }
}
