using System.Runtime.InteropServices;

namespace Cscm.Memory.Log;

/// <summary>
/// The volatile state of one lane, on cache lines of its own. Positions are logical: they only grow; the physical position is the
/// remainder by the lane's size, the quotient is the lap.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal struct Lane
{
    public const int Size = 256;

    /// <summary>In shared lanes, 1 while a thread appends.</summary>
    [FieldOffset(0)]
    public int Locked;

    /// <summary>Where the next record goes.</summary>
    [FieldOffset(8)]
    public long Head;

    /// <summary>A number no greater than the sequence being committed here; 0 when none is. Holds back the horizon.</summary>
    [FieldOffset(16)]
    public ulong InFlight;

    /// <summary>The salt of the lap that <see cref="Head"/> is in.</summary>
    [FieldOffset(24)]
    public ulong Salt;

    /// <summary>Fences that appends made here.</summary>
    [FieldOffset(32)]
    public long FenceCount;

    /// <summary>The first and last number that the lane has claimed and not used.</summary>
    [FieldOffset(40)]
    public ulong NextClaimed;

    [FieldOffset(48)]
    public ulong LastClaimed;

    /// <summary>Space before this is free again. Written by the checkpointer.</summary>
    [FieldOffset(128)]
    public long Tail;
}
