using System.Security.Cryptography.X509Certificates;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Cscm.Kubernetes;

/// <summary>
/// Reads the current context of a kubeconfig: server, authority, and a token or client certificate. Node by node rather than by
/// reflection, which trimming would break. Helpers that run programs (exec, auth-provider) are refused.
/// </summary>
internal static class KubeconfigFile
{
    public static ClusterConfig Read(string path)
    {
        // As kubectl does, several files may be listed; the first that exists is read.
        string file = path.Split(':').FirstOrDefault(File.Exists) ?? throw new InvalidDataException($"kubeconfig {path} does not exist");
        using var reader = new StreamReader(file);
        return new Reading(file).Read(reader);
    }

    private sealed class Reading(string file)
    {
        public ClusterConfig Read(TextReader reader)
        {
            var stream = new YamlStream();
            try
            {
                stream.Load(reader);
            }
            catch (YamlException exception)
            {
                throw Bad($"is not YAML at line {exception.Start.Line}");
            }
            if (stream.Documents.Count == 0 || stream.Documents[0].RootNode is not YamlMappingNode root)
                throw Bad("is empty");
            string current = Text(root, "current-context") ?? throw Bad("names no current-context: run kubectl config use-context");
            YamlMappingNode context = Named(root, "contexts", "context", current);
            YamlMappingNode cluster = Named(root, "clusters", "cluster", Text(context, "cluster") ?? throw Bad($"context {current} names no cluster"));
            YamlMappingNode? user = Text(context, "user") is { } name ? Named(root, "users", "user", name) : null;
            if (user is not null && (Child(user, "exec") is not null || Child(user, "auth-provider") is not null || Child(user, "username") is not null))
                throw Bad("logs in by exec, auth-provider or password, which this client does not do: use a token or a client certificate");
            string server = Text(cluster, "server") ?? throw Bad("gives its cluster no server");
            return new ClusterConfig
            {
                Server = Uri.TryCreate(server, UriKind.Absolute, out Uri? uri) ? uri : throw Bad($"has the server '{server}', which is no URL"),
                Authorities = ReadAuthorities(cluster),
                SkipsServerVerification = Text(cluster, "insecure-skip-tls-verify") == "true",
                ServerName = Text(cluster, "tls-server-name"),
                ClientCertificate = user is null ? null : ReadCertificate(user),
                Token = user is null ? null : ReadToken(user),
                Namespace = Text(context, "namespace") ?? "default",
            };
        }

        private X509Certificate2Collection? ReadAuthorities(YamlMappingNode cluster)
        {
            if (Pem(cluster, "certificate-authority") is not { } pem)
                return null;
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPem(pem);
            return authorities;
        }

        private X509Certificate2? ReadCertificate(YamlMappingNode user)
            => Pem(user, "client-certificate") is { } certificate
                ? X509Certificate2.CreateFromPem(certificate, Pem(user, "client-key") ?? throw Bad("has a client certificate without its key"))
                : null;

        private TokenSource? ReadToken(YamlMappingNode user)
        {
            if (Text(user, "token") is { } token)
                return TokenSource.Fixed(token);
            return Text(user, "tokenFile") is { } path ? TokenSource.FromFile(Resolve(path), TimeProvider.System) : null;
        }

        /// <summary>From <c>key-data</c> (base64), else from the file that <c>key</c> names.</summary>
        private string? Pem(YamlMappingNode node, string key)
        {
            try
            {
                if (Text(node, key + "-data") is { } data)
                    return Encoding.UTF8.GetString(Convert.FromBase64String(data));
                return Text(node, key) is { } path ? File.ReadAllText(Resolve(path)) : null;
            }
            catch (Exception exception) when (exception is FormatException or IOException or UnauthorizedAccessException)
            {
                throw Bad($"has an unreadable {key}: {exception.Message}");
            }
        }

        private string Resolve(string path) => Path.Combine(Path.GetDirectoryName(Path.GetFullPath(file))!, path);

        private YamlMappingNode Named(YamlMappingNode root, string list, string key, string name)
            => Child(root, list) is YamlSequenceNode entries
                && entries.OfType<YamlMappingNode>().FirstOrDefault(entry => Text(entry, "name") == name) is { } found
                && Child(found, key) is YamlMappingNode value
                    ? value
                    : throw Bad($"has no {key} named '{name}'");

        private static YamlNode? Child(YamlMappingNode node, string key) => node.Children.TryGetValue(new YamlScalarNode(key), out YamlNode? value) ? value : null;

        private static string? Text(YamlMappingNode node, string key) => Child(node, key) is YamlScalarNode { Value.Length: > 0 } scalar ? scalar.Value : null;

        private InvalidDataException Bad(string problem) => new($"kubeconfig {file} {problem}");
    }
}
