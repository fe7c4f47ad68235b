using System.Net;
using System.Net.Http.Headers;

namespace Cscm.Kubernetes;

/// <summary>One request, to be sent as often as it takes.</summary>
/// <param name="Method">HTTP's.</param>
/// <param name="Path">Relative to the server, with its query.</param>
/// <param name="Body">Null for none.</param>
/// <param name="ContentType">The body's.</param>
internal readonly record struct ApiRequest(HttpMethod Method, string Path, byte[]? Body, string ContentType)
{
    private static readonly ProductInfoHeaderValue s_agent = new("cscm", typeof(ApiRequest).Assembly.GetName().Version?.ToString(3));

    public override string ToString() => $"{Method} {Path}";

    /// <summary>A message can be sent once only.</summary>
    public HttpRequestMessage ToMessage(Uri server)
    {
        var message = new HttpRequestMessage(Method, new Uri(server, Path))
        {
            Version = server.Scheme == Uri.UriSchemeHttps ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        message.Headers.UserAgent.Add(s_agent);
        message.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (Body is not null)
        {
            message.Content = new ByteArrayContent(Body);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue(ContentType);
        }
        return message;
    }
}
