using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cscm.Storage.Proof;

/// <summary>What a probe found out about one property.</summary>
public enum ProofResult
{
    /// <summary>Tried, and it does not hold.</summary>
    Absent,

    /// <summary>Tried, and it holds.</summary>
    Proven,

    /// <summary>Could not be tried: see the reason.</summary>
    Untested,
}

/// <summary>What is proven of the memory below a directory. A promise for files made there from now on, as long as it stays mounted.</summary>
/// <param name="Dax">Files map the medium itself: the mount and statx(2) say so. Alone not enough: overlayfs says so and lies.</param>
/// <param name="MapSync">mmap(2) accepts MAP_SYNC: data is durable once written back from the caches, without a system call.</param>
/// <param name="HugeMappings">A probe extent was mapped by 2 MiB entries.</param>
/// <param name="Reason">What does not hold, why, and what to do; empty if all is proven.</param>
public sealed record DaxProof(ProofResult Dax, ProofResult MapSync, ProofResult HugeMappings, string Reason)
{
    /// <summary>The medium is mapped, and stores to it can be made durable from user space.</summary>
    [JsonIgnore]
    public bool IsDirect => Dax == ProofResult.Proven && MapSync == ProofResult.Proven;
}

/// <summary>Proofs as JSON, by path.</summary>
public static class DaxProofJson
{
    public static string Render(IReadOnlyDictionary<string, DaxProof> proofs)
        => JsonSerializer.Serialize(proofs, DaxProofJsonContext.Default.IReadOnlyDictionaryStringDaxProof);

    /// <exception cref="JsonException">The text is something else.</exception>
    public static IReadOnlyDictionary<string, DaxProof> Parse(string json)
        => JsonSerializer.Deserialize(json, DaxProofJsonContext.Default.IReadOnlyDictionaryStringDaxProof) ?? throw new JsonException("null is no proof");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(IReadOnlyDictionary<string, DaxProof>))]
internal sealed partial class DaxProofJsonContext : JsonSerializerContext;
