using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;

namespace Cscm.Memory;

/// <summary>
/// Copies a heap that is in use: everything once, then, in rounds, the pages that checkpoints found changed meanwhile, the last
/// round with commits held back. The copy's log is empty.
/// </summary>
internal static unsafe class HeapBackup
{
    private const int BlockBytes = 1024 * 1024;
    private const int MaxRounds = 8;
    private const int FewPages = 256;

    public static void Write(HeapCore core, FileStream file)
    {
        long size = core.Geometry.SizeBytes;
        file.SetLength(size);
        var dirty = new DirtyPages(core);
        core.Checkpointer.Observe(dirty);
        try
        {
            Copy(core, file, 0, core.Log.LogOffset);
            Copy(core, file, core.Log.LogOffset + core.Log.LogBytes, size);
            for (int round = 0; round < MaxRounds; round++)
            {
                core.Checkpointer.RunNow();
                if (CopyPages(core, file, dirty) <= FewPages)
                {
                    break;
                }
            }

            core.Log.Pause();
            try
            {
                core.Checkpointer.RunNow();
                CopyPages(core, file, dirty);
                // Superblocks and the checkpoint that says the log is empty.
                Copy(core, file, 0, MediaLayout.RootTableA);
            }
            finally
            {
                core.Log.Resume();
            }
        }
        finally
        {
            core.Checkpointer.Observe(null);
        }
    }

    private static int CopyPages(HeapCore core, FileStream file, DirtyPages dirty)
    {
        long[] pages = dirty.Take();
        foreach (long page in pages)
        {
            long from = page * DirtyPages.PageBytes;
            file.Position = from;
            file.Write(new ReadOnlySpan<byte>(core.Start + from, (int)Math.Min(DirtyPages.PageBytes, core.Geometry.SizeBytes - from)));
        }

        return pages.Length;
    }

    private static void Copy(HeapCore core, FileStream file, long from, long to)
    {
        file.Position = from;
        while (from < to)
        {
            int part = (int)Math.Min(BlockBytes, to - from);
            var block = new ReadOnlySpan<byte>(core.Start + from, part);
            if (block.ContainsAnyExcept((byte)0))
            {
                file.Write(block);
            }
            else
            {
                // Left as a hole.
                file.Position += part;
            }

            from += part;
        }
    }
}

/// <summary>The pages that transactions changed, noted when their records leave the log.</summary>
internal sealed unsafe class DirtyPages(HeapCore core)
{
    public const long PageBytes = 4096;
    private readonly Lock _gate = new();
    private HashSet<long> _pages = [];

    public void Note(byte* entry, byte* end)
    {
        HeapGeometry geometry = core.Geometry;
        lock (_gate)
        {
            while (entry < end)
            {
                ulong tag = *(ulong*)entry;
                if (LogEntries.TryGetWrite(ref entry, out long offset, out _, out long lengthBytes))
                {
                    Add(offset, lengthBytes);
                    continue;
                }

                if (tag >> LogEntry.KindShift == LogEntry.Content)
                {
                    // Noted with the block's bit.
                    continue;
                }

                Add(offset, MediaLayout.ChunkHeaderBytes);
                int chunk = geometry.ChunkOfHeader(offset);
                Add(geometry.MirrorOffsetOf(chunk), MediaLayout.ChunkMirrorBytes);
                if (tag >> LogEntry.KindShift == LogEntry.SetBit)
                {
                    // The content of a new block may not be in the log.
                    ulong descriptor = ((ChunkHeader*)(core.Start + offset))->Descriptor;
                    int index = (int)((tag >> LogEntry.ArgumentShift) & LogEntry.ArgumentMask);
                    long blockBytes = ChunkScanner.BlockBytes(ChunkDescriptor.Unpack(descriptor));
                    Add(geometry.DataOffsetOf(chunk) + (index * blockBytes), blockBytes);
                }
            }
        }
    }

    public long[] Take()
    {
        lock (_gate)
        {
            long[] pages = [.. _pages];
            _pages = [];
            return pages;
        }
    }

    private void Add(long offset, long lengthBytes)
    {
        for (long page = offset / PageBytes; page <= (offset + lengthBytes - 1) / PageBytes; page++)
        {
            _pages.Add(page);
        }
    }
}
