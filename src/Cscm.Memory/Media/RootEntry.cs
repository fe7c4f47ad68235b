using System.Runtime.InteropServices;

namespace Cscm.Memory.Media;

/// <summary>A named root. The table is kept twice; a free entry is all zeros.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal unsafe struct RootEntry
{
    public const int Size = 128;
    public const int MaxNameBytes = 63;

    [FieldOffset(0)]
    public long Offset;

    /// <summary>Of the type's layout.</summary>
    [FieldOffset(8)]
    public ulong Fingerprint;

    [FieldOffset(16)]
    public long SizeBytes;

    /// <summary>Of this entry with this field zero, seeded with the heap's salt and the entry's number.</summary>
    [FieldOffset(24)]
    public ulong Checksum;

    [FieldOffset(64)]
    public byte NameLength;

    /// <summary>UTF-8, zero-filled.</summary>
    [FieldOffset(65)]
    public fixed byte Name[MaxNameBytes];
}
