using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Cscm.Storage.Pools.Xfs;

/// <summary>Whose an XFS is, told by its superblock alone: nothing that is not ours is ever mounted.</summary>
/// <param name="Label">Up to 12 characters.</param>
/// <param name="Id">Its UUID.</param>
internal sealed record XfsSuperblock(string Label, Guid Id)
{
    /// <summary>The label of every pool of every driver.</summary>
    public const string PoolLabel = "cscm-pool";

    private const int IdOffset = 32, LabelOffset = 108, LabelBytes = 12;

    /// <summary>Null if the device holds no XFS.</summary>
    public static XfsSuperblock? Read(string device)
    {
        byte[] superblock = new byte[512];
        using SafeFileHandle file = File.OpenHandle(device, share: FileShare.ReadWrite);
        if (RandomAccess.Read(file, superblock, 0) != superblock.Length || BinaryPrimitives.ReadUInt32BigEndian(superblock) != 0x58465342)
            return null;
        return new XfsSuperblock(
            Encoding.ASCII.GetString(superblock, LabelOffset, LabelBytes).TrimEnd('\0'), new Guid(superblock.AsSpan(IdOffset, 16), bigEndian: true));
    }
}
