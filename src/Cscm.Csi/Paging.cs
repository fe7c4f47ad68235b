using System.Buffers.Text;
using System.Text;
using Grpc.Core;

namespace Cscm.Csi;

/// <summary>
/// Pages over entries in ordinal order of their ids. A token names the id after which to go on, so that it stays right when entries come
/// and go between calls, and needs no memory of the caller.
/// </summary>
public static class Paging
{
    private const string TokenPrefix = "after.";

    /// <param name="entries">All entries, ascending by <paramref name="idOf"/>.</param>
    /// <param name="idOf">An entry's id.</param>
    /// <param name="startingToken">Empty, or what an earlier call returned.</param>
    /// <param name="maximumEntries">Zero for no limit.</param>
    /// <returns>The page, and the next token: empty at the end.</returns>
    /// <exception cref="RpcException">ABORTED: the token is not one of ours (CSI: the caller starts over without a token).</exception>
    public static (IReadOnlyList<T> Page, string NextToken) Slice<T>(
        IEnumerable<T> entries, Func<T, string> idOf, string startingToken, int maximumEntries)
    {
        string? after = startingToken.Length == 0 ? null : Decode(startingToken);
        IEnumerable<T> rest = after is null ? entries : entries.Where(entry => string.CompareOrdinal(idOf(entry), after) > 0);
        if (maximumEntries == 0)
            return ([.. rest], "");
        // One more than asked for tells whether this page is the last.
        List<T> page = [.. rest.Take(maximumEntries + 1)];
        if (page.Count <= maximumEntries)
            return (page, "");
        page.RemoveAt(maximumEntries);
        return (page, Encode(idOf(page[^1])));
    }

    private static string Encode(string id) => TokenPrefix + Base64Url.EncodeToString(Encoding.UTF8.GetBytes(id));

    private static string Decode(string token)
    {
        if (token.StartsWith(TokenPrefix, StringComparison.Ordinal) && Base64Url.IsValid(token.AsSpan(TokenPrefix.Length)))
        {
            string id = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token.AsSpan(TokenPrefix.Length)));
            // The decoder skips white space and bad UTF-8 is replaced: only what encodes to itself was ours.
            if (id.Length > 0 && Encode(id) == token)
                return id;
        }
        throw new RpcException(new Status(StatusCode.Aborted, "starting_token is not one that this driver gave out: list again without a token"));
    }
}
