using Cscm.Storage.Linux;
using Microsoft.Win32.SafeHandles;
using Mono.Unix.Native;

namespace Cscm.Storage.Pools.Xfs;

/// <summary>An entry as it was when it was copied.</summary>
/// <param name="Path">Below the root, with a NUL at its end.</param>
/// <param name="Status">Taken before its content was copied.</param>
internal sealed record CopiedEntry(byte[] Path, FileStatus Status);

/// <summary>
/// Copies a tree into an empty directory: content (shared where the file system can), owners, modes, times, extended attributes, links of
/// both kinds, special files, holes. The tree may be written meanwhile; what was copied when is compared afterwards (<see cref="TreeChanges"/>).
/// </summary>
internal sealed class TreeCopy(SafePath source, SafePath target)
{
    private const int DeepestLevel = 1000;

    private readonly Dictionary<ulong, byte[]> _firstLinks = [];
    private readonly List<CopiedEntry> _entries = [];

    public SafePath Source => source;

    public SafePath Target => target;

    /// <summary>All entries, in the order of the walk.</summary>
    public IReadOnlyList<CopiedEntry> Entries => _entries;

    /// <exception cref="StorageException">FailedPrecondition: the tree is too deep.</exception>
    /// <exception cref="LinuxException">ENOENT, ELOOP, …: the tree changed under the walk. EDQUOT, ENOSPC: no room.</exception>
    public void Run(CancellationToken cancellationToken)
    {
        using TreeDirectory from = TreeDirectory.Open(source), to = TreeDirectory.Open(target);
        FileStatus status = TreeDirectory.GetStatus(from.Handle);
        _entries.Add(new CopiedEntry([0], status));
        CopyContent(from, to, to, [], 0, cancellationToken);
        ExtendedAttributes.CopyAll(from.Handle, to.Handle);
        SetOwnerAndMode(to.Handle, status);
    }

    /// <summary>The path of an entry below a directory's.</summary>
    public static byte[] Join(ReadOnlySpan<byte> directory, byte[] name) => directory.Length == 0 ? name : [.. directory, (byte)'/', .. name];

    public static void RequireDepth(int level, SafePath root)
    {
        if (level > DeepestLevel)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"directories in {root.Path} are nested more than {DeepestLevel} levels deep, which is not copied: move some of them up");
    }

    public static void SetOwnerAndMode(SafeFileHandle handle, in FileStatus status)
    {
        int fd = (int)handle.DangerousGetHandle();
        if (NativeMethods.ChangeOwner(fd, status.UserId, status.GroupId) < 0 || NativeMethods.ChangeMode(fd, status.Permissions) < 0)
            LinuxException.ThrowLast("set owner and mode of a copy");
    }

    private void CopyContent(TreeDirectory from, TreeDirectory to, TreeDirectory root, ReadOnlySpan<byte> path, int level, CancellationToken cancellationToken)
    {
        RequireDepth(level, source);
        foreach (TreeEntry entry in from.ReadAll())
        {
            cancellationToken.ThrowIfCancellationRequested();
            byte[] entryPath = Join(path, entry.Name);
            FileStatus status = from.GetStatus(entry.Name);
            _entries.Add(new CopiedEntry(entryPath, status));
            if (status.IsDirectory)
                CopyDirectory(from, to, root, entry.Name, entryPath, status, level, cancellationToken);
            else if (status.Links > 1 && !_firstLinks.TryAdd(status.Inode, entryPath))
                to.MakeHardLink(root, _firstLinks[status.Inode], entry.Name);
            else if (status.IsFile)
                CopyFile(from, to, entry.Name, status, cancellationToken);
            else
                CopySpecial(from, to, entry.Name, status);
        }
    }

    private void CopyDirectory(
        TreeDirectory from, TreeDirectory to, TreeDirectory root, byte[] name, byte[] path, in FileStatus status, int level, CancellationToken cancellationToken)
    {
        to.MakeDirectory(name);
        using (TreeDirectory fromBelow = from.OpenDirectory(name), toBelow = to.OpenDirectory(name))
        {
            CopyContent(fromBelow, toBelow, root, path.AsSpan()[..^1], level + 1, cancellationToken);
            ExtendedAttributes.CopyAll(fromBelow.Handle, toBelow.Handle);
            SetOwnerAndMode(toBelow.Handle, status);
        }
        to.SetTimes(name, status);
    }

    private static void CopyFile(TreeDirectory from, TreeDirectory to, byte[] name, in FileStatus status, CancellationToken cancellationToken)
    {
        using (SafeFileHandle original = from.OpenFile(name, isWritable: false), copy = to.CreateFile(name))
        {
            // Between look and open, a tenant may have put something else there.
            if (!TreeDirectory.GetStatus(original).IsFile)
                throw new LinuxException((int)Errno.ENOENT, "a file turned into something else while it was copied");
            Files.CloneOrCopy(original, copy, cancellationToken);
            ExtendedAttributes.CopyAll(original, copy);
            SetOwnerAndMode(copy, status);
        }
        to.SetTimes(name, status);
    }

    private static void CopySpecial(TreeDirectory from, TreeDirectory to, byte[] name, in FileStatus status)
    {
        if (status.IsLink)
            to.MakeLink(from.ReadLink(name), name);
        else
            to.MakeNode(name, status.Mode, status.Device);
        to.SetOwner(name, status.UserId, status.GroupId);
        to.SetTimes(name, status);
    }
}
