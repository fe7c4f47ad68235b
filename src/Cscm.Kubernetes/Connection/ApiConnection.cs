using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Cscm.Kubernetes;

/// <summary>The connections to one API server: TLS, identity, and what keeps a dead one from being waited for. Thread-safe.</summary>
internal sealed class ApiConnection(ClusterConfig config) : IDisposable
{
    private readonly HttpMessageInvoker _http = Open(config);

    /// <exception cref="HttpRequestException">The server cannot be reached.</exception>
    /// <exception cref="IOException">The connection was lost.</exception>
    public async Task<HttpResponseMessage> SendAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        using HttpRequestMessage message = request.ToMessage(config.Server);
        if (config.Token?.Current is { } token)
            message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await _http.SendAsync(message, cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    private static HttpMessageInvoker Open(ClusterConfig config)
    {
        var tls = new SslClientAuthenticationOptions();
        if (config.ServerName is not null)
            tls.TargetHost = config.ServerName;
        if (config.ClientCertificate is not null)
            tls.ClientCertificates = [config.ClientCertificate];
        if (config.Authorities is { } authorities)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            tls.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        }
        if (config.SkipsServerVerification)
        {
#pragma warning disable CA5359, MA0039 // The kubeconfig's own insecure-skip-tls-verify: the operator's word, as with every client.
            tls.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359, MA0039
        }
        return new HttpMessageInvoker(new SocketsHttpHandler
        {
            SslOptions = tls,
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = TimeSpan.FromSeconds(10),
            // A server that was replaced behind its name is found again.
            PooledConnectionLifetime = TimeSpan.FromMinutes(15),
            EnableMultipleHttp2Connections = true,
            KeepAlivePingDelay = TimeSpan.FromSeconds(30),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(15),
        });
    }
}
