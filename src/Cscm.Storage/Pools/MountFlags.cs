using System.Buffers;
using Cscm.Storage.Linux;

namespace Cscm.Storage.Pools;

/// <summary>
/// Mount flags as in mount(8), told apart into attributes of one mount and options of the file system below. Only flags that are
/// known to be harmless are taken. A volume is mounted <c>nodev,nosuid</c> unless <c>dev</c> or <c>suid</c> is asked for: a file that
/// a container made must not give anyone on the host a device or another user's rights.
/// </summary>
internal sealed record MountFlags(MountAttribute Attributes, IReadOnlyList<FileSystemOption> Options, bool IsReadOnly)
{
    private static readonly SearchValues<char> s_valueCharacters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-_");
    private static readonly string[] s_commonOptions = ["sync", "async", "dirsync", "lazytime", "nolazytime"];
    private static readonly string[] s_securityContexts = ["context", "fscontext", "defcontext", "rootcontext"];

    private static readonly Dictionary<string, string[]> s_options = new(StringComparer.Ordinal)
    {
        ["ext4"] =
        [
            "discard", "nodiscard", "dax", "dax=", "commit=", "data=", "journal_checksum", "journal_async_commit", "auto_da_alloc", "noauto_da_alloc",
            "delalloc", "nodelalloc", "user_xattr", "acl", "barrier", "errors=", "stripe=", "inode_readahead_blks=", "max_batch_time=", "min_batch_time=", "noinit_itable",
        ],
        ["xfs"] =
        [
            "discard", "nodiscard", "dax", "dax=", "allocsize=", "largeio", "nolargeio", "inode64", "logbufs=", "logbsize=", "swalloc", "sunit=", "swidth=",
            "noalign", "filestreams", "wsync", "nouuid", "noquota",
        ],
        ["tmpfs"] = [],
    };

    /// <summary>Reads a list of flags.</summary>
    /// <param name="flags">One flag each, or several with commas between them.</param>
    /// <param name="fileSystem">The file system that they are for.</param>
    /// <exception cref="StorageException">InvalidArgument: a flag is unknown, malformed, or not for this file system.</exception>
    public static MountFlags Parse(IReadOnlyList<string> flags, string fileSystem)
    {
        var attributes = MountAttribute.NoDevices | MountAttribute.NoSuid;
        var options = new List<FileSystemOption>();
        bool isReadOnly = false;
        foreach (string flag in flags.SelectMany(Split))
        {
            switch (flag)
            {
                case "defaults" or "rw" or "auto" or "relatime": break;
                case "ro": isReadOnly = true; break;
                case "nodev": attributes |= MountAttribute.NoDevices; break;
                case "dev": attributes &= ~MountAttribute.NoDevices; break;
                case "nosuid": attributes |= MountAttribute.NoSuid; break;
                case "suid": attributes &= ~MountAttribute.NoSuid; break;
                case "noexec": attributes |= MountAttribute.NoExec; break;
                case "exec": attributes &= ~MountAttribute.NoExec; break;
                case "noatime": attributes = (attributes & ~MountAttribute.StrictAtime) | MountAttribute.NoAtime; break;
                case "strictatime": attributes = (attributes & ~MountAttribute.NoAtime) | MountAttribute.StrictAtime; break;
                case "atime": attributes &= ~MountAttribute.NoAtime; break;
                case "nodiratime": attributes |= MountAttribute.NoDirAtime; break;
                case "diratime": attributes &= ~MountAttribute.NoDirAtime; break;
                case "nosymfollow": attributes |= MountAttribute.NoSymlinkFollow; break;
                case "symfollow": attributes &= ~MountAttribute.NoSymlinkFollow; break;
                default: options.Add(ParseOption(flag, fileSystem)); break;
            }
        }
        return new MountFlags(attributes, options, isReadOnly);
    }

    private static FileSystemOption ParseOption(string flag, string fileSystem)
    {
        int equals = flag.IndexOf('=');
        string key = equals < 0 ? flag : flag[..equals];
        string? value = equals < 0 ? null : flag[(equals + 1)..];
        if (s_securityContexts.Contains(key))
            return ParseContext(key, value, fileSystem);
        bool isKnown = (value is null && s_commonOptions.Contains(key))
            || s_options.GetValueOrDefault(fileSystem, []).Contains(value is null ? key : key + "=");
        // errors=panic would let one volume take the node down.
        if (!isKnown || (key == "errors" && value == "panic"))
            throw Invalid(flag, $"is not one that this driver passes to {fileSystem}: remove it from the mount options");
        if (value is not null && (value.Length == 0 || value.AsSpan().ContainsAnyExcept(s_valueCharacters)))
            throw Invalid(flag, "has a malformed value");
        return new FileSystemOption(key, value);
    }

    private static FileSystemOption ParseContext(string key, string? value, string fileSystem)
    {
        string label = value is ['"', .., '"'] ? value[1..^1] : value ?? "";
        if (label.Length is 0 or > 1024 || label.Any(c => c is <= ' ' or '"' or '\\' or > '~'))
            throw Invalid(key, "needs an SELinux label, as in context=\"system_u:object_r:container_file_t:s0\"");
        // The superblock of a dram volume exists since the volume was made, and a label is a property of the superblock.
        if (fileSystem == "tmpfs")
            throw Invalid(key, "cannot be given to a dram volume, which is mounted when it is created: use a file pool, or leave relabelling to the container runtime");
        return new FileSystemOption(key, label);
    }

    /// <summary>Splits at commas outside quotes: SELinux labels hold commas.</summary>
    private static IEnumerable<string> Split(string flag)
    {
        if (flag.Length > 4096 || flag.Any(char.IsControl))
            throw Invalid("(unprintable)", "holds a control character or is longer than 4096 characters");
        int start = 0;
        bool isQuoted = false;
        for (int i = 0; i <= flag.Length; i++)
        {
            if (i < flag.Length && flag[i] == '"')
                isQuoted = !isQuoted;
            if (i < flag.Length && (flag[i] != ',' || isQuoted))
                continue;
            string part = flag[start..i].Trim();
            start = i + 1;
            if (part.Length == 0)
                throw Invalid(flag, "holds an empty flag");
            yield return part;
        }
        if (isQuoted)
            throw Invalid(flag, "lacks a closing quote");
    }

    private static StorageException Invalid(string flag, string problem) => new(StorageErrorKind.InvalidArgument, $"mount flag {flag} {problem}");
}
