using k8s.Authentication;
using k8s.Exceptions;

namespace Cscm.Kubernetes;

/// <summary>The connections to one API server, its trust and our identity: KubernetesClient's. Thread-safe.</summary>
internal sealed class ApiConnection(ClusterConfig config) : IDisposable
{
    private readonly k8s.Kubernetes _client = config.Open();

    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    /// <exception cref="IOException">The connection was lost, or there is no way to log in.</exception>
    public async Task<HttpResponseMessage> SendAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        using HttpRequestMessage message = request.ToMessage(_client.BaseUri);
        if (_client.Credentials is ServiceClientCredentials credentials)
        {
            try
            {
                await credentials.ProcessHttpRequestAsync(message, cancellationToken);
            }
            catch (KubeConfigException e)
            {
                throw new IOException(e.Message, e);
            }
        }
        // A watch's answer has no end.
        return await _client.HttpClient.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    public void Dispose() => _client.Dispose();
}
