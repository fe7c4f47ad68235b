using Cscm.Storage.Linux;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.Pools.Xfs;

/// <summary>
/// What a tree's writers changed since it was copied, found while the file system is frozen, so that the copy can be brought to that one
/// moment. A copied block is shared: whoever writes to it afterwards gets another one, so two files differ where their blocks' places do.
/// Nothing here writes to the file system until it is thawed.
/// </summary>
internal sealed class TreeChanges(TreeCopy copy, long copyStartSeconds)
{
    /// <summary>How much may be read while everyone waits: some milliseconds' worth.</summary>
    public const long LargestBytes = 64L << 20;

    private readonly List<ChangedFile> _files = [];
    private int _next;

    private long _readBytes;

    /// <summary>Compares the frozen tree with its copy and reads what differs.</summary>
    /// <returns>False if names or attributes changed, or more content than can be read: copy again.</returns>
    public bool TryFind()
    {
        using TreeDirectory from = TreeDirectory.Open(copy.Source), to = TreeDirectory.Open(copy.Target);
        FileStatus status = TreeDirectory.GetStatus(from.Handle);
        return IsUnchanged(Next([0]), status) && TryFindBelow(from, to, [], 0) && _next == copy.Entries.Count;
    }

    /// <summary>Writes what was found to the copy. To be called after the thaw.</summary>
    public void Apply()
    {
        using TreeDirectory root = TreeDirectory.Open(copy.Target);
        foreach (ChangedFile file in _files)
            file.Apply(root);
    }

    private CopiedEntry? Next(byte[] path)
        => _next < copy.Entries.Count && copy.Entries[_next].Path.AsSpan().SequenceEqual(path) ? copy.Entries[_next++] : null;

    private bool TryFindBelow(TreeDirectory from, TreeDirectory to, ReadOnlySpan<byte> path, int level)
    {
        TreeCopy.RequireDepth(level, copy.Source);
        foreach (TreeEntry entry in from.ReadAll())
        {
            byte[] entryPath = TreeCopy.Join(path, entry.Name);
            CopiedEntry? copied = Next(entryPath);
            FileStatus status = from.GetStatus(entry.Name);
            if (status.IsFile)
            {
                if (copied is null || !HasSameAttributes(copied.Status, status) || !TryFindInFile(from, to, entry.Name, copied, status))
                    return false;
            }
            else if (!IsUnchanged(copied, status))
            {
                return false;
            }
            if (!status.IsDirectory)
                continue;
            using TreeDirectory fromBelow = from.OpenDirectory(entry.Name), toBelow = to.OpenDirectory(entry.Name);
            if (!TryFindBelow(fromBelow, toBelow, entryPath.AsSpan()[..^1], level + 1))
                return false;
        }
        return true;
    }

    private static bool HasSameAttributes(in FileStatus then, in FileStatus now)
        => (then.Inode, then.Mode, then.UserId, then.GroupId, then.Links) == (now.Inode, now.Mode, now.UserId, now.GroupId, now.Links);

    private static bool IsUnchanged(CopiedEntry? then, in FileStatus now)
        => then is not null && HasSameAttributes(then.Status, now)
            && (then.Status.ChangeSeconds, then.Status.ChangeNanoseconds) == (now.ChangeSeconds, now.ChangeNanoseconds);

    private bool TryFindInFile(TreeDirectory from, TreeDirectory to, byte[] name, CopiedEntry copied, in FileStatus status)
    {
        // The clock of change times is coarse: a file that changed shortly before may have changed after as well.
        if (IsUnchanged(copied, status) && status.ChangeSeconds < copyStartSeconds - 1)
            return true;
        using SafeFileHandle original = from.OpenFile(name, isWritable: false), duplicate = to.OpenFile(name, isWritable: false);
        IReadOnlyList<BlockExtent> ranges = Differences(ExtentMap.Read(original), ExtentMap.Read(duplicate));
        if (ranges.Count == 0 && status.SizeBytes == copied.Status.SizeBytes && IsUnchanged(copied, status))
            return true;
        var changed = new ChangedFile(copied.Path, status);
        _files.Add(changed);
        foreach (BlockExtent range in ranges)
        {
            long sizeBytes = Math.Min(range.SizeBytes, status.SizeBytes - range.OffsetBytes);
            if (sizeBytes <= 0)
                continue;
            _readBytes += sizeBytes;
            if (_readBytes > LargestBytes)
                return false;
            changed.Read(original, range.OffsetBytes, (int)sizeBytes);
        }
        return true;
    }

    /// <summary>Where two files do not have the same blocks, in ascending order. What is unwritten reads as zeros, like what is not there.</summary>
    public static IReadOnlyList<BlockExtent> Differences(IReadOnlyList<FileExtent> one, IReadOnlyList<FileExtent> other)
    {
        FileExtent[] a = [.. one.Where(extent => !extent.IsUnwritten)], b = [.. other.Where(extent => !extent.IsUnwritten)];
        long[] bounds = [.. a.Concat(b).SelectMany(extent => new[] { extent.OffsetBytes, extent.OffsetBytes + extent.SizeBytes }).Distinct().Order()];
        var differences = new List<BlockExtent>();
        int i = 0, j = 0;
        for (int bound = 0; bound + 1 < bounds.Length; bound++)
        {
            long from = bounds[bound], to = bounds[bound + 1];
            if (PlaceOf(a, ref i, from) == PlaceOf(b, ref j, from))
                continue;
            if (differences.Count > 0 && differences[^1].OffsetBytes + differences[^1].SizeBytes == from)
                differences[^1] = differences[^1] with { SizeBytes = to - differences[^1].OffsetBytes };
            else
                differences.Add(new BlockExtent(from, to - from));
        }
        return differences;
    }

    private static long PlaceOf(FileExtent[] extents, ref int at, long offset)
    {
        while (at < extents.Length && extents[at].OffsetBytes + extents[at].SizeBytes <= offset)
            at++;
        return at < extents.Length && extents[at].OffsetBytes <= offset ? extents[at].PhysicalBytes + offset - extents[at].OffsetBytes : -1;
    }

    private sealed class ChangedFile(byte[] path, FileStatus status)
    {
        private readonly List<(long Offset, byte[] Bytes)> _runs = [];

        public void Read(SafeFileHandle file, long offset, int sizeBytes)
        {
            byte[] bytes = GC.AllocateUninitializedArray<byte>(sizeBytes);
            int read = 0;
            for (int got; read < sizeBytes && (got = RandomAccess.Read(file, bytes.AsSpan(read), offset + read)) > 0;)
                read += got;
            _runs.Add((offset, read == sizeBytes ? bytes : bytes[..read]));
        }

        public void Apply(TreeDirectory root)
        {
            using (SafeFileHandle file = root.OpenFile(path, isWritable: true))
            {
                RandomAccess.SetLength(file, status.SizeBytes);
                foreach ((long offset, byte[] bytes) in _runs)
                    RandomAccess.Write(file, bytes, offset);
            }
            root.SetTimes(path, status);
        }
    }
}
