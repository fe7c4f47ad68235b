namespace Cscm.Storage.Conformance;

/// <summary>Bytes that are recognised wherever they turn up: a tenant's secret.</summary>
internal static class Pattern
{
    private const int BlockBytes = 4096, LookBytes = 96;

    private static readonly byte[] s_block = [.. Enumerable.Repeat("one tenant's secret, for nobody else's eyes.. "u8.ToArray(), (1 << 20) / 46 + 1).SelectMany(bytes => bytes).Take(1 << 20)];

    public static void Write(string path, long sizeBytes)
    {
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        for (long left = sizeBytes; left > 0; left -= s_block.Length)
            file.Write(s_block, 0, (int)Math.Min(left, s_block.Length));
        file.Flush(flushToDisk: true);
    }

    /// <summary>Whether any whole block of it is in a file or device: so long a text shows within the first bytes of a block.</summary>
    public static bool IsIn(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        byte[] block = new byte[1 << 20];
        for (int read; (read = file.ReadAtLeast(block, block.Length, throwOnEndOfStream: false)) > 0;)
        {
            for (int at = 0; at + BlockBytes <= read; at += BlockBytes)
            {
                if (block.AsSpan(at, LookBytes).IndexOf("tenant's secret"u8) >= 0)
                    return true;
            }
        }
        return false;
    }
}
