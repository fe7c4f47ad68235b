using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Cscm.Kubernetes.Emulator;

namespace Cscm.Kubernetes.Tests;

/// <summary>How a client finds its cluster and proves who it is.</summary>
public sealed class ConfigTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cscm-config-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task A_kubeconfig_with_authority_and_client_certificate_opens_a_server_with_tls()
    {
        using X509Certificate2 server = MakeCertificate("CN=localhost");
        using X509Certificate2 user = MakeCertificate("CN=cscm-test");
        await using ApiEmulator api = await ApiEmulator.StartAsync(certificate: server);
        string path = Write(
            $"certificate-authority-data: {Base64(server.ExportCertificatePem())}",
            $"client-certificate-data: {Base64(user.ExportCertificatePem())}\n    client-key-data: {Base64(user.GetRSAPrivateKey()!.ExportPkcs8PrivateKeyPem())}",
            $"https://localhost:{api.Address.Port}");
        using var client = new RestKubernetes(ClusterConfig.Find(path));
        await client.CreateAsync(Resources.ScmNodes, new ScmNode { Metadata = new ObjectMeta { Name = "n1" } }, default);
        Assert.Equal("CN=cscm-test", api.LastClientSubject);
    }

    [Fact]
    public async Task A_server_that_the_authority_did_not_sign_is_not_talked_to()
    {
        using X509Certificate2 server = MakeCertificate("CN=localhost");
        using X509Certificate2 other = MakeCertificate("CN=localhost");
        await using ApiEmulator api = await ApiEmulator.StartAsync(certificate: server);
        string path = Write($"certificate-authority-data: {Base64(other.ExportCertificatePem())}", "token: t", $"https://localhost:{api.Address.Port}");
        using var client = new RestKubernetes(ClusterConfig.Find(path));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await Assert.ThrowsAnyAsync<Exception>(() => client.GetAsync(Resources.ScmNodes, "n1", patience.Token));
        Assert.Equal(0, api.Counts.Total);
    }

    [Fact]
    public async Task A_token_that_was_rotated_is_read_again_when_the_old_one_is_refused()
    {
        await using ApiEmulator api = await ApiEmulator.StartAsync();
        string tokenFile = Path.Combine(_directory, "token");
        await File.WriteAllTextAsync(tokenFile, "first\n");
        api.Token = "first";
        using var client = new RestKubernetes(new ClusterConfig { Server = api.Address, Token = TokenSource.FromFile(tokenFile, TimeProvider.System) });
        await client.CreateAsync(Resources.ScmNodes, new ScmNode { Metadata = new ObjectMeta { Name = "n1" } }, default);
        api.Token = "second";
        await Assert.ThrowsAsync<KubernetesException>(() => client.GetAsync(Resources.ScmNodes, "n1", default));
        await File.WriteAllTextAsync(tokenFile, "second\n");
        Assert.Equal("n1", (await client.GetAsync(Resources.ScmNodes, "n1", default)).Metadata.Name);
    }

#if !UPSTREAM // KubernetesClient does them.
    [Theory]
    [InlineData("exec: {command: aws}", "exec")]
    [InlineData("auth-provider: {name: gcp}", "auth-provider")]
    [InlineData("username: admin\n    password: secret", "password")]
    public void Logins_that_are_not_done_are_refused_clearly_and_without_secrets(string user, string word)
    {
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => ClusterConfig.Find(Write("insecure-skip-tls-verify: true", user, "https://localhost")));
        Assert.Contains(word, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refusal.Message, StringComparison.Ordinal);
    }
#endif

    [Theory]
    [InlineData("current-context: gone\n", "gone")]
#if UPSTREAM // KubernetesClient has words of its own.
    [InlineData("{", "While parsing")]
    [InlineData("clusters: []\n", "server host url")]
#else
    [InlineData("{", "not YAML")]
    [InlineData("clusters: []\n", "current-context")]
#endif
    public void A_kubeconfig_that_cannot_be_used_says_why(string text, string word)
    {
        string path = Path.Combine(_directory, "config");
        File.WriteAllText(path, text);
        InvalidDataException refusal = Assert.Throws<InvalidDataException>(() => ClusterConfig.Find(path));
        Assert.Contains(word, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(path, refusal.Message, StringComparison.Ordinal);
    }

    private static string Base64(string text) => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text));

    private static X509Certificate2 MakeCertificate(string subject)
    {
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
    }

    private string Write(string cluster, string user, string server)
    {
        string path = Path.Combine(_directory, "config");
        File.WriteAllText(path, $"""
            apiVersion: v1
            kind: Config
            current-context: here
            contexts:
            - name: here
              context:
                cluster: c
                user: u
                namespace: cscm
            clusters:
            - name: c
              cluster:
                server: {server}
                {cluster}
            users:
            - name: u
              user:
                {user}
            """);
        return path;
    }
}
