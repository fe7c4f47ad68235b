using Cscm.Storage.Linux;

namespace Cscm.Storage.Conformance;

/// <summary>Bytes that are recognised wherever they turn up: a tenant's secret.</summary>
internal static class Pattern
{
    private const int BlockBytes = 4096, LookBytes = 96, StepBytes = 1 << 20;

    private static readonly byte[] s_block = [.. Enumerable.Repeat("one tenant's secret, for nobody else's eyes.. "u8.ToArray(), (1 << 20) / 46 + 1).SelectMany(bytes => bytes).Take(1 << 20)];

    public static void Write(string path, long sizeBytes)
    {
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        for (long left = sizeBytes; left > 0; left -= s_block.Length)
            file.Write(s_block, 0, (int)Math.Min(left, s_block.Length));
        file.Flush(flushToDisk: true);
    }

    /// <summary>Whether any whole block of it is in a file or a published device.</summary>
    public static bool IsIn(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        byte[] buffer = new byte[StepBytes];
        for (int read; (read = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)) > 0;)
        {
            if (HoldsBlock(buffer.AsSpan(0, read)))
                return true;
        }
        return false;
    }

    /// <summary>As <see cref="IsIn"/>, past the page cache: what was read of a device before is kept there, and stores that map the medium do not change that.</summary>
    public static bool IsOnMedium(string device)
    {
        using BlockDevice medium = BlockDevice.OpenToRead(device);
        using var buffer = new AlignedBuffer(StepBytes, BlockBytes);
        long sizeBytes = medium.SizeBytes;
        for (long offset = 0; offset < sizeBytes; offset += StepBytes)
        {
            if (HoldsBlock(buffer.Span[..medium.Read(buffer, offset)]))
                return true;
        }
        return false;
    }

    /// <summary>So long a text shows within the first bytes of a block.</summary>
    private static bool HoldsBlock(ReadOnlySpan<byte> bytes)
    {
        for (int at = 0; at + BlockBytes <= bytes.Length; at += BlockBytes)
        {
            if (bytes.Slice(at, LookBytes).IndexOf("tenant's secret"u8) >= 0)
                return true;
        }
        return false;
    }
}
