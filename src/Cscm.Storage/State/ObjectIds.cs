using System.Buffers;
using System.Text;

namespace Cscm.Storage.State;

/// <summary>
/// Ids are a hash of the caller's name, so a repeated request finds its object without an index, and nothing a caller wrote is ever
/// part of a file name. A key is the id itself where we made it, else a hash of it.
/// </summary>
public static class ObjectIds
{
    private const string VolumePrefix = "cscm-", SnapshotPrefix = "snap-", GroupPrefix = "group-", MemberPrefix = "part-", ForeignPrefix = "given-";
    private const int DigestDigits = 32;

    private static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789abcdef");

    public static string Volume(string name) => VolumePrefix + Digest(name);

    public static string Snapshot(string name) => SnapshotPrefix + Digest(name);

    public static string Group(string name) => GroupPrefix + Digest(name);

    public static string GroupMember(string groupName, string volumeId) => MemberPrefix + Digest($"{groupName}\n{volumeId}");

    public static string KeyOf(string id)
        => IsOurs(id, VolumePrefix) || IsOurs(id, SnapshotPrefix) || IsOurs(id, GroupPrefix) || IsOurs(id, MemberPrefix)
            ? id : ForeignPrefix + Digest(id);

    /// <summary>Whether a file name is one that this driver gives.</summary>
    public static bool IsKey(string text)
        => IsOurs(text, VolumePrefix) || IsOurs(text, SnapshotPrefix) || IsOurs(text, MemberPrefix) || IsOurs(text, ForeignPrefix);

    private static bool IsOurs(string text, string prefix)
        => text.Length == prefix.Length + DigestDigits && text.StartsWith(prefix, StringComparison.Ordinal)
            && !text.AsSpan(prefix.Length).ContainsAnyExcept(s_digits);

    private static string Digest(string text) => Convert.ToHexStringLower(Sha256.Hash(Encoding.UTF8.GetBytes(text)).AsSpan(0, DigestDigits / 2));
}
