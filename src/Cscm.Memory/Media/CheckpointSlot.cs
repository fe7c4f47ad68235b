using System.Runtime.InteropServices;

namespace Cscm.Memory.Media;

/// <summary>
/// The cut of the log: every transaction up to <see cref="Horizon"/> is in its home locations, durably; each lane is read from its
/// tail (an array of words at <see cref="TailsAt"/>). Kept twice: log space is given back only when both copies say so.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = TailsAt)]
internal struct CheckpointSlot
{
    public const int TailsAt = 64;
    public const ulong ExpectedMagic = 0x544e_494f_504b_4843; // "CHKPOINT"

    [FieldOffset(0)]
    public ulong Magic;

    [FieldOffset(8)]
    public ulong Generation;

    [FieldOffset(16)]
    public ulong Horizon;

    [FieldOffset(24)]
    public ulong LaneCount;

    /// <summary>Of the whole slot from the start through the last tail, with this field zero.</summary>
    [FieldOffset(32)]
    public ulong Checksum;
}
