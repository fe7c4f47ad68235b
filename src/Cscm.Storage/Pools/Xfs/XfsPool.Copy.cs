using Cscm.Storage.Erase;
using Cscm.Storage.Linux;
using Cscm.Storage.State;
using Mono.Unix.Native;

namespace Cscm.Storage.Pools.Xfs;

/// <summary>
/// Snapshots and clones. A frozen file system takes no copies, and freezing stops every volume of the pool; so volumes are copied while they
/// are written, by sharing blocks, and then frozen for the milliseconds that it takes to read what changed since (docs/decisions/0035).
/// </summary>
internal sealed partial class XfsPool
{
    private const int MostPasses = 8;

    public bool HoldsVolumesStill => true;

    public void Copy(string sourceKey, string key, CancellationToken cancellationToken) => CopyTogether([(sourceKey, key)], cancellationToken);

    public void CopyTogether(IReadOnlyList<(string SourceKey, string Key)> copies, CancellationToken cancellationToken)
    {
        CopyConsistently([.. copies.Select(copy => (PathOf(copy.SourceKey), copy.Key, FindBackingBytes(copy.SourceKey)))], mayBeWritten: true, cancellationToken);
        foreach ((_, string key) in copies)
        {
            Sync(key);
            Ledger.MarkAllocated(key);
        }
    }

    public void Flush(VolumeRecord volume)
    {
        // There are no block volumes here.
    }

    public IEnumerable<BlockExtent> ReadAllocatedExtents(string key, long startingOffsetBytes) => throw NoBlocks();

    public IEnumerable<BlockExtent> ReadChangedExtents(string baseKey, string targetKey, long startingOffsetBytes) => throw NoBlocks();

    private StorageException NoBlocks() => new(
        StorageErrorKind.FailedPrecondition, $"snapshots of pool {Options.Name} are directories, and have no blocks to list: use a pool of kind file");

    private void CopyConsistently(IReadOnlyList<(string Source, string Key, long BackingBytes)> copies, bool mayBeWritten, CancellationToken cancellationToken)
    {
        if (mayBeWritten && !_medium.CanShare)
            RequireAtRest(copies.Select(copy => Path.GetFileName(copy.Source)));
        foreach ((_, string key, long backingBytes) in copies)
            Make(key, backingBytes);
        for (int pass = 1; !TryCopy(copies, mayBeWritten && _medium.CanShare, cancellationToken); pass++)
        {
            if (pass == MostPasses)
            {
                throw new StorageException(
                    StorageErrorKind.Unavailable,
                    $"{string.Join(", ", copies.Select(copy => Path.GetFileName(copy.Source)))} changed faster than it could be copied, {MostPasses} times: repeat when fewer files are made and removed there, or pause the consumer");
            }
            foreach ((_, string key, _) in copies)
                Empty(key);
        }
    }

    private bool TryCopy(IReadOnlyList<(string Source, string Key, long BackingBytes)> copies, bool mayBeWritten, CancellationToken cancellationToken)
    {
        var opened = new List<SafePath>();
        try
        {
            var done = new List<TreeCopy>();
            long startSeconds = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
            foreach ((string source, string key, _) in copies)
            {
                SafePath from = SafePath.Open(source), to = SafePath.Open(PathOf(key));
                opened.AddRange([from, to]);
                var copy = new TreeCopy(from, to);
                _steps.Reached("xfs.copy-tree");
                copy.Run(cancellationToken);
                done.Add(copy);
            }
            return !mayBeWritten || TryBringToOneMoment([.. done.Select(copy => new TreeChanges(copy, startSeconds))]);
        }
        catch (LinuxException e) when (mayBeWritten && e.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP or Errno.EEXIST)
        {
            // The tree changed under the walk.
            return false;
        }
        finally
        {
            opened.ForEach(path => path.Dispose());
        }
    }

    private bool TryBringToOneMoment(TreeChanges[] changes)
    {
        using (SafePath root = _medium.OpenRoot())
        {
            // Most of what is dirty is written now, and not while everyone waits.
            FileSystemControl.Sync(root);
            _steps.Reached("xfs.freeze");
            FileSystemControl.Freeze(root);
            try
            {
                if (!changes.All(change => change.TryFind()))
                    return false;
            }
            finally
            {
                _steps.Reached("xfs.thaw");
                FileSystemControl.Thaw(root);
            }
        }
        _steps.Reached("xfs.apply-changes");
        foreach (TreeChanges change in changes)
            change.Apply();
        return true;
    }

    /// <summary>Takes a failed copy away. Its bytes are the source's too, or are overwritten before anyone sees the copy: nothing to erase.</summary>
    private void Empty(string key)
    {
        using TreeDirectory content = OpenArea(Content);
        byte[] name = TreeDirectory.NameOf(key);
        uint project;
        using (SafePath path = SafePath.Open(PathOf(key)))
            project = InheritedAttributes.GetProject(path);
        new TreeEraser(_steps, new ErasePace(null, TimeProvider.System, CancellationToken.None), isZeroing: false).Remove(content, name);
        content.MakeDirectory(name);
        _directories.TryRemove(key, out _);
        using SafePath directory = SafePath.Open(PathOf(key));
        InheritedAttributes.SetForChildren(directory, project, ExtentBytes);
    }

    /// <summary>Without shared blocks a copy takes long, and nobody could tell what was written meanwhile.</summary>
    private void RequireAtRest(IEnumerable<string> keys)
    {
        foreach (string key in keys)
        {
            if (FindBinds(key).Any())
            {
                throw new StorageException(
                    StorageErrorKind.FailedPrecondition,
                    $"{key} is mounted, and pool {Options.Name} can copy it only at rest because files of its file system cannot share blocks on this kernel (reflink with DAX needs Linux 6.2 when the pool is made): unpublish and unstage it first");
            }
        }
    }
}
