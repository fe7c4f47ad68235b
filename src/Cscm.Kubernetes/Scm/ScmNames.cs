using System.Security.Cryptography;
using System.Text;

namespace Cscm.Kubernetes;

/// <summary>The strings by which controller and node find one another's objects.</summary>
public static class ScmNames
{
    public const string Group = "cscm.io";
    public const string Version = "v1alpha1";
    public const string ApiVersion = $"{Group}/{Version}";

    /// <summary>Keeps an object until its node has removed what it stands for.</summary>
    public const string Finalizer = $"{Group}/node";

    /// <summary>By which a node agent selects its own objects.</summary>
    public const string NodeLabel = $"{Group}/node";

    private const int LongestLabelValue = 63;

    /// <summary>A node's name as a label's value: names may be longer than values, and are then hashed.</summary>
    public static string LabelValue(string node)
        => node.Length <= LongestLabelValue ? node : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(node)).AsSpan(0, 16));

    public static string NodeSelector(string node) => $"{NodeLabel}={LabelValue(node)}";
}
