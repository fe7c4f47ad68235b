using System.Net.Http.Headers;
using k8s.Authentication;

namespace Cscm.Kubernetes;

/// <summary>A token of ours, for KubernetesClient.</summary>
internal sealed class BearerToken(TokenSource token) : ITokenProvider
{
    public Task<AuthenticationHeaderValue> GetAuthenticationHeaderAsync(CancellationToken cancellationToken)
        => Task.FromResult(new AuthenticationHeaderValue("Bearer", token.Current));
}
