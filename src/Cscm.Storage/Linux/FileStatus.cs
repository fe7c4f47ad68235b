namespace Cscm.Storage.Linux;

/// <summary>What statx(2) says of an entry of a tree: what a copy must preserve, and what tells that it was changed.</summary>
internal readonly record struct FileStatus(
    ushort Mode, uint UserId, uint GroupId, uint Links, ulong Inode, long SizeBytes, ulong Device,
    long AccessSeconds, uint AccessNanoseconds, long ModifySeconds, uint ModifyNanoseconds, long ChangeSeconds, uint ChangeNanoseconds)
{
    public bool IsDirectory => (Mode & 0xF000) == 0x4000;

    public bool IsFile => (Mode & 0xF000) == 0x8000;

    public bool IsLink => (Mode & 0xF000) == 0xA000;

    public uint Permissions => (uint)Mode & 0xFFF;

    public static FileStatus Of(in StatxBuffer buffer) => new(
        buffer.Mode, buffer.UserId, buffer.GroupId, buffer.Links, buffer.Inode, (long)buffer.SizeBytes,
        // As makedev(3) makes it.
        ((ulong)(buffer.SpecialMajor & 0xFFF) << 8) | ((ulong)(buffer.SpecialMajor & ~0xFFFu) << 32) | (buffer.SpecialMinor & 0xFF) | ((ulong)(buffer.SpecialMinor & ~0xFFu) << 12),
        buffer.AccessSeconds, buffer.AccessNanoseconds, buffer.ModifySeconds, buffer.ModifyNanoseconds, buffer.ChangeSeconds, buffer.ChangeNanoseconds);
}
