using Cscm.Storage.Linux;

namespace Cscm.Storage.Pools.Devices;

/// <summary>Which runs of a device hold something, or differ from another's. Devices know no holes: what is zero counts as not allocated.</summary>
internal static class DeviceContents
{
    private const int BlockBytes = 64 << 10;
    private const int StepBytes = 4 << 20;

    public static IEnumerable<BlockExtent> ReadNonZero(string device, long startingOffsetBytes)
        => Join(Scan(device, null, startingOffsetBytes));

    public static IEnumerable<BlockExtent> ReadChanged(string from, string to, long startingOffsetBytes)
        => Join(Scan(to, from, startingOffsetBytes));

    /// <summary>Blocks that are not zero, or not as in the base; what lies behind the base's end counts as zeros.</summary>
    private static IEnumerable<BlockExtent> Scan(string device, string? baseDevice, long startingOffsetBytes)
    {
        using BlockDevice target = BlockDevice.OpenToRead(device);
        using BlockDevice? other = baseDevice is null ? null : BlockDevice.OpenToRead(baseDevice);
        using var buffer = new AlignedBuffer(StepBytes, BlockBytes);
        using var otherBuffer = new AlignedBuffer(StepBytes, BlockBytes);
        long sizeBytes = Math.Max(target.SizeBytes, other?.SizeBytes ?? 0);
        for (long step = startingOffsetBytes / BlockBytes * BlockBytes; step < sizeBytes; step += StepBytes)
        {
            int stepBytes = (int)Math.Min(StepBytes, sizeBytes - step);
            Fill(target, buffer, step);
            Fill(other, otherBuffer, step);
            for (int offset = 0; offset < stepBytes; offset += BlockBytes)
            {
                int length = Math.Min(BlockBytes, stepBytes - offset);
                if (!buffer.Span.Slice(offset, length).SequenceEqual(otherBuffer.Span.Slice(offset, length)))
                    yield return new BlockExtent(step + offset, length);
            }
        }
    }

    private static void Fill(BlockDevice? device, AlignedBuffer buffer, long offsetBytes)
    {
        int length = device is null || offsetBytes >= device.SizeBytes ? 0 : device.Read(buffer, offsetBytes);
        buffer.Span[length..].Clear();
    }

    private static IEnumerable<BlockExtent> Join(IEnumerable<BlockExtent> blocks)
    {
        BlockExtent run = default;
        foreach (BlockExtent block in blocks)
        {
            if (run.SizeBytes > 0 && run.OffsetBytes + run.SizeBytes == block.OffsetBytes)
            {
                run = run with { SizeBytes = run.SizeBytes + block.SizeBytes };
                continue;
            }
            if (run.SizeBytes > 0)
                yield return run;
            run = block;
        }
        if (run.SizeBytes > 0)
            yield return run;
    }
}
