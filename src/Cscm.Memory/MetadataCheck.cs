using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;

namespace Cscm.Memory;

/// <summary>Verifies both copies of everything that has a checksum.</summary>
internal static unsafe class MetadataCheck
{
    public static void Run(HeapCore core, List<string> problems)
    {
        foreach (long offset in (ReadOnlySpan<long>)[MediaLayout.SuperblockA, MediaLayout.SuperblockB])
        {
            if (!HeapFormat.IsIntact((Superblock*)(core.Start + offset)))
            {
                problems.Add($"the copy of the superblock at 0x{offset:x} is damaged");
            }
        }

        for (int i = 0; i < MediaLayout.RootCount; i++)
        {
            foreach (long table in (ReadOnlySpan<long>)[MediaLayout.RootTableA, MediaLayout.RootTableB])
            {
                if (!RootTable.IsCopyIntact(core, table, i))
                {
                    problems.Add($"the copy of root entry {i} at 0x{table + ((long)i * RootEntry.Size):x} is damaged");
                }
            }
        }

        Span<long> tails = stackalloc long[core.Log.LaneCount];
        if (!CheckpointWriter.TryRead(core.Medium, core.Log.LaneCount, core.Salt, tails, out _))
        {
            problems.Add("both checkpoint slots are damaged");
        }

        ChunkScanner.Check(core, problems);
    }
}
