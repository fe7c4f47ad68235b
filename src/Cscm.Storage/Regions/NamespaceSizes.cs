namespace Cscm.Storage.Regions;

/// <summary>
/// How much of a namespace in mode fsdax its device shows, with the page map kept in the namespace (drivers/nvdimm/pfn_devs.c): an info
/// block of 8 KiB and 64 bytes per page of 4 KiB come first, and what is shown starts at a multiple of the alignment.
/// </summary>
internal static class NamespaceSizes
{
    /// <summary>The alignment of fsdax namespaces: what mappings of 2 MiB need.</summary>
    public const long AlignmentBytes = 2 << 20;

    private const long InfoBytes = 8 << 10;
    private const long PageBytes = 4096;
    private const long MapBytesPerPage = 64;

    /// <summary>Linux makes no namespace below it (ND_MIN_NAMESPACE_SIZE is a page, but an alignment and its map have to fit).</summary>
    public const long MinimumRawBytes = 16 << 20;

    public static long UsableBytes(long rawBytes)
        => Math.Max(0, RoundDown(rawBytes - RoundUp(InfoBytes + (MapBytesPerPage * ((rawBytes - InfoBytes) / PageBytes)), AlignmentBytes), AlignmentBytes));

    /// <summary>The smallest namespace that shows so much.</summary>
    /// <param name="usableBytes">What is to be shown.</param>
    /// <param name="regionAlignmentBytes">Namespaces of the region start and end at multiples of it.</param>
    public static long RawBytes(long usableBytes, long regionAlignmentBytes)
    {
        long rawBytes = Math.Max(RoundUp(MinimumRawBytes, regionAlignmentBytes), RoundUp(usableBytes, regionAlignmentBytes));
        for (long missingBytes; (missingBytes = usableBytes - UsableBytes(rawBytes)) > 0;)
            rawBytes += RoundUp(missingBytes, regionAlignmentBytes);
        return rawBytes;
    }

    public static long RoundUp(long bytes, long alignmentBytes) => (bytes + alignmentBytes - 1) / alignmentBytes * alignmentBytes;

    public static long RoundDown(long bytes, long alignmentBytes) => bytes / alignmentBytes * alignmentBytes;
}
