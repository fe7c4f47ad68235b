using Cscm.Storage.Erase;
using Cscm.Storage.Linux;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Pools.Xfs;

/// <summary>
/// Takes a tree apart that a tenant made: zeroes what its files have for themselves, then removes them. Runs that other files share are
/// left to the last that has them. Needs two descriptors however deep the tree is: directories found in a directory are moved up to the top
/// first. Can be cut off anywhere and repeated.
/// </summary>
internal sealed class TreeEraser(IStepObserver steps, ErasePace pace, bool isZeroing)
{
    private const int BlockBytes = 1 << 20;

    private static readonly byte[] s_zeros = GC.AllocateArray<byte>(BlockBytes, pinned: true);

    private long _moved;

    /// <summary>Removes the directory of a name, and all below it.</summary>
    public void Remove(TreeDirectory parent, byte[] name)
    {
        using (TreeDirectory top = parent.OpenDirectory(name))
        {
            // Inherited projects would keep directories of another project from being moved up.
            InheritedAttributes.ClearFlags(top.Handle);
            Empty(top, top);
        }
        steps.Reached("xfs.remove-directory");
        parent.RemoveDirectory(name);
    }

    private void Empty(TreeDirectory directory, TreeDirectory top)
    {
        while (true)
        {
            directory.Rewind();
            IReadOnlyList<TreeEntry> entries = directory.ReadBatch();
            if (entries.Count == 0)
                return;
            foreach (TreeEntry entry in entries)
                Remove(directory, top, entry);
        }
    }

    private void Remove(TreeDirectory directory, TreeDirectory top, TreeEntry entry)
    {
        if (directory.GetStatus(entry.Name) is not { IsDirectory: true } status)
        {
            RemoveFile(directory, entry.Name);
        }
        else if (directory == top)
        {
            using (TreeDirectory below = top.OpenDirectory(entry.Name))
            {
                // A setting of the tenant's must not keep its content from going (immutable directories).
                InheritedAttributes.ClearFlags(below.Handle);
                Empty(below, top);
            }
            steps.Reached("xfs.remove-directory");
            top.RemoveDirectory(entry.Name);
        }
        else
        {
            MoveUp(directory, entry.Name, top);
        }
    }

    private void MoveUp(TreeDirectory directory, byte[] name, TreeDirectory top)
    {
        while (true)
        {
            byte[] free = TreeDirectory.NameOf($"~{_moved++}");
            if (top.Exists(free))
                continue;
            steps.Reached("xfs.move-directory");
            directory.Rename(name, top, free);
            return;
        }
    }

    private void RemoveFile(TreeDirectory directory, byte[] name)
    {
        FileStatus status = directory.GetStatus(name);
        if (status.IsFile && status.SizeBytes > 0 && status.Links == 1 && isZeroing)
            Zero(directory, name);
        pace.NextChunk(0);
        steps.Reached("xfs.unlink");
        try
        {
            directory.Unlink(name);
        }
        catch (LinuxException e) when (e.Errno == Errno.EPERM && status.IsFile)
        {
            using SafeFileHandle file = directory.OpenFile(name, isWritable: false);
            InheritedAttributes.ClearFlags(file);
            directory.Unlink(name);
        }
    }

    private void Zero(TreeDirectory directory, byte[] name)
    {
        using SafeFileHandle file = OpenToZero(directory, name);
        bool isDirty = false;
        foreach (FileExtent extent in ExtentMap.Read(file).Where(extent => !extent.IsUnwritten && !extent.IsShared))
        {
            long offset = extent.OffsetBytes, end = extent.OffsetBytes + extent.SizeBytes;
            while (offset < end)
            {
                long chunkEnd = offset + pace.NextChunk(end - offset);
                steps.Reached("xfs.zero");
                for (; offset < chunkEnd; offset += BlockBytes)
                    RandomAccess.Write(file, s_zeros.AsSpan(0, (int)Math.Min(BlockBytes, chunkEnd - offset)), offset);
                offset = chunkEnd;
                isDirty = true;
            }
        }
        // Where the file system does not map its medium, the zeros would otherwise go with the file.
        if (isDirty)
            RandomAccess.FlushToDisk(file);
    }

    private static SafeFileHandle OpenToZero(TreeDirectory directory, byte[] name)
    {
        try
        {
            return directory.OpenFile(name, isWritable: true);
        }
        catch (LinuxException e) when (e.Errno == Errno.EPERM)
        {
            using (SafeFileHandle file = directory.OpenFile(name, isWritable: false))
                InheritedAttributes.ClearFlags(file);
            return directory.OpenFile(name, isWritable: true);
        }
    }
}
