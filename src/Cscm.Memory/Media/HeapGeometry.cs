using System.Runtime.CompilerServices;

namespace Cscm.Memory.Media;

/// <summary>Where the chunks of the heap are, by region. Immutable: growth makes another.</summary>
internal sealed class HeapGeometry
{
    private readonly Region[] _regions;
    private readonly long _firstDataEnd;

    public HeapGeometry(ReadOnlySpan<RegionRecord> records, long sizeBytes)
    {
        SizeBytes = sizeBytes;
        _regions = new Region[records.Length];
        int first = 0;
        for (int i = 0; i < records.Length; i++)
        {
            _regions[i] = new Region(records[i], first);
            first += (int)records[i].ChunkCount;
        }

        ChunkCount = first;
        DataOffset = records[0].DataOffset;
        _firstDataEnd = DataOffset + (records[0].ChunkCount * MediaLayout.ChunkBytes);
    }

    public long SizeBytes { get; }

    public int ChunkCount { get; }

    /// <summary>No block starts before this.</summary>
    public long DataOffset { get; }

    public ReadOnlySpan<Region> Regions => _regions;

    public static RegionRecord Plan(long startOffset, long endOffset)
    {
        // Headers, then mirrors, then the data on a chunk boundary. Chunks are given up until everything fits.
        long chunks = (endOffset - startOffset) / MediaLayout.ChunkBytes;
        while (chunks > 0)
        {
            long mirrors = MediaLayout.AlignUp(startOffset + (chunks * MediaLayout.ChunkHeaderBytes), 64);
            long data = MediaLayout.AlignUp(mirrors + (chunks * MediaLayout.ChunkMirrorBytes), MediaLayout.ChunkBytes);
            long excess = data + (chunks * MediaLayout.ChunkBytes) - endOffset;
            if (excess <= 0)
            {
                return new RegionRecord { HeadersOffset = startOffset, MirrorsOffset = mirrors, DataOffset = data, ChunkCount = chunks };
            }

            chunks -= Math.Max(1, excess / (MediaLayout.ChunkBytes + MediaLayout.ChunkHeaderBytes));
        }

        return new RegionRecord { HeadersOffset = startOffset, MirrorsOffset = startOffset, DataOffset = endOffset, ChunkCount = 0 };
    }

    /// <summary>The number of the chunk that holds this offset, or -1 where no data is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int ChunkOf(long offset)
    {
        Region first = _regions[0];
        long chunk = (offset - first.DataOffset) >> 16;
        return (ulong)chunk < (ulong)first.ChunkCount ? (int)chunk : ChunkInLaterRegion(offset);
    }

    public long DataOffsetOf(int chunk)
    {
        Region region = RegionOfChunk(chunk);
        return region.DataOffset + ((chunk - region.FirstChunk) * MediaLayout.ChunkBytes);
    }

    public long HeaderOffsetOf(int chunk)
    {
        Region region = RegionOfChunk(chunk);
        return region.HeadersOffset + ((chunk - region.FirstChunk) * MediaLayout.ChunkHeaderBytes);
    }

    public long MirrorOffsetOf(int chunk)
    {
        Region region = RegionOfChunk(chunk);
        return region.MirrorsOffset + ((chunk - region.FirstChunk) * MediaLayout.ChunkMirrorBytes);
    }

    /// <summary>The number of the chunk whose header is at this offset, or -1.</summary>
    public int ChunkOfHeader(long headerOffset)
    {
        foreach (Region region in _regions)
        {
            long delta = headerOffset - region.HeadersOffset;
            if (delta >= 0 && delta < region.ChunkCount * MediaLayout.ChunkHeaderBytes)
            {
                return delta % MediaLayout.ChunkHeaderBytes == 0 ? region.FirstChunk + (int)(delta / MediaLayout.ChunkHeaderBytes) : -1;
            }
        }

        return -1;
    }

    public RegionRecord[] Records() => Array.ConvertAll(
        _regions,
        region => new RegionRecord
        {
            HeadersOffset = region.HeadersOffset,
            MirrorsOffset = region.MirrorsOffset,
            DataOffset = region.DataOffset,
            ChunkCount = region.ChunkCount,
        });

    /// <summary>Whether the range lies in the data of one region.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Holds(long offset, long lengthBytes) =>
        (offset >= DataOffset && lengthBytes >= 0 && lengthBytes <= _firstDataEnd - offset) || LaterRegionHolds(offset, lengthBytes);

    private bool LaterRegionHolds(long offset, long lengthBytes)
    {
        for (int i = 1; i < _regions.Length; i++)
        {
            long end = _regions[i].DataOffset + (_regions[i].ChunkCount * MediaLayout.ChunkBytes);
            if (offset >= _regions[i].DataOffset && lengthBytes >= 0 && lengthBytes <= end - offset)
            {
                return true;
            }
        }

        return false;
    }

    private int ChunkInLaterRegion(long offset)
    {
        for (int i = 1; i < _regions.Length; i++)
        {
            long chunk = (offset - _regions[i].DataOffset) >> 16;
            if ((ulong)chunk < (ulong)_regions[i].ChunkCount)
            {
                return _regions[i].FirstChunk + (int)chunk;
            }
        }

        return -1;
    }

    private Region RegionOfChunk(int chunk)
    {
        int i = _regions.Length - 1;
        while (_regions[i].FirstChunk > chunk)
        {
            i--;
        }

        return _regions[i];
    }

    internal sealed class Region(RegionRecord record, int firstChunk)
    {
        public readonly long HeadersOffset = record.HeadersOffset;
        public readonly long MirrorsOffset = record.MirrorsOffset;
        public readonly long DataOffset = record.DataOffset;
        public readonly long ChunkCount = record.ChunkCount;
        public readonly int FirstChunk = firstChunk;
    }
}
