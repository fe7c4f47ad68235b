using System.Text;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;
using Cscm.Memory.Transactions;

namespace Cscm.Memory;

/// <summary>The table of named roots, in two copies that every change writes in one transaction.</summary>
internal static unsafe class RootTable
{
    /// <summary>The number of the root's entry, or -1; then <paramref name="free"/> is the number of a free one, or -1.</summary>
    public static int Find(HeapCore core, string name, out int free)
    {
        Span<byte> wanted = stackalloc byte[RootEntry.MaxNameBytes];
        int length = Encode(core, name, wanted);
        free = -1;
        for (int i = 0; i < MediaLayout.RootCount; i++)
        {
            RootEntry entry = Read(core, i);
            if (entry.Offset == 0)
            {
                free = free < 0 ? i : free;
            }
            else if (new ReadOnlySpan<byte>(entry.Name, entry.NameLength).SequenceEqual(wanted[..length]))
            {
                return i;
            }
        }

        return -1;
    }

    public static List<string> Names(HeapCore core)
    {
        var names = new List<string>();
        for (int i = 0; i < MediaLayout.RootCount; i++)
        {
            RootEntry entry = Read(core, i);
            if (entry.Offset != 0)
            {
                names.Add(NameOf(entry));
            }
        }

        return names;
    }

    /// <summary>The entry from whichever copy is intact. An empty entry is all zeros.</summary>
    public static RootEntry Read(HeapCore core, int index)
    {
        foreach (long table in (ReadOnlySpan<long>)[MediaLayout.RootTableA, MediaLayout.RootTableB])
        {
            RootEntry entry = *(RootEntry*)(core.Start + table + ((long)index * RootEntry.Size));
            if (!core.Medium.Keeps(PersistSite.ChecksumRoot) || IsIntact(core, entry, index))
            {
                return entry;
            }
        }

        throw core.Corrupt(MediaLayout.RootTableA + ((long)index * RootEntry.Size), $"both copies of root entry {index} are damaged", "Restore the heap from a backup");
    }

    public static string NameOf(RootEntry entry) => Encoding.UTF8.GetString(entry.Name, entry.NameLength);

    public static bool IsCopyIntact(HeapCore core, long table, int index) =>
        IsIntact(core, *(RootEntry*)(core.Start + table + ((long)index * RootEntry.Size)), index);

    /// <summary>Stages the entry for this name.</summary>
    public static void Stage(HeapCore core, TransactionContext context, string name, long offset, ulong fingerprint, long sizeBytes)
    {
        int index = FindStaged(core, context, name, out int free);
        if (index < 0)
        {
            if (offset == 0)
            {
                return;
            }

            index = free >= 0 ? free : throw core.Exhausted($"all {MediaLayout.RootCount} roots are in use", "Keep further objects behind one root");
        }

        RootEntry entry = default;
        if (offset != 0)
        {
            entry.Offset = offset;
            entry.Fingerprint = fingerprint;
            entry.SizeBytes = sizeBytes;
            entry.NameLength = (byte)Encode(core, name, new Span<byte>(entry.Name, RootEntry.MaxNameBytes));
            entry.Checksum = MediaHash.Compute((byte*)&entry, RootEntry.Size, Seed(core, index));
        }

        long at = (long)index * RootEntry.Size;
        context.Write(MediaLayout.RootTableA + at, (byte*)&entry, RootEntry.Size);
        context.Write(MediaLayout.RootTableB + at, (byte*)&entry, RootEntry.Size);
    }

    private static int FindStaged(HeapCore core, TransactionContext context, string name, out int free)
    {
        Span<byte> wanted = stackalloc byte[RootEntry.MaxNameBytes];
        int length = Encode(core, name, wanted);
        free = -1;
        for (int i = 0; i < MediaLayout.RootCount; i++)
        {
            RootEntry entry;
            context.Read(MediaLayout.RootTableA + ((long)i * RootEntry.Size), (byte*)&entry, RootEntry.Size);
            if (!IsIntact(core, entry, i))
            {
                entry = Read(core, i);
            }

            if (entry.Offset == 0)
            {
                free = free < 0 ? i : free;
            }
            else if (new ReadOnlySpan<byte>(entry.Name, entry.NameLength).SequenceEqual(wanted[..length]))
            {
                return i;
            }
        }

        return -1;
    }

    private static bool IsIntact(HeapCore core, RootEntry entry, int index)
    {
        ulong checksum = entry.Checksum;
        entry.Checksum = 0;
        if (checksum == 0)
        {
            return new ReadOnlySpan<byte>(&entry, RootEntry.Size).IndexOfAnyExcept((byte)0) < 0;
        }

        return checksum == MediaHash.Compute((byte*)&entry, RootEntry.Size, Seed(core, index)) && entry.NameLength <= RootEntry.MaxNameBytes;
    }

    private static ulong Seed(HeapCore core, int index) => core.Salt ^ (ulong)(index + 1);

    private static int Encode(HeapCore core, string name, Span<byte> target)
    {
        return !string.IsNullOrEmpty(name) && Encoding.UTF8.GetByteCount(name) <= target.Length
            ? Encoding.UTF8.GetBytes(name, target)
            : throw core.Misuse(0, $"\"{name}\" is no name for a root", $"Use 1 to {RootEntry.MaxNameBytes} bytes of UTF-8");
    }
}
