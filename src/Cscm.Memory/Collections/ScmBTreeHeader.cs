using System.Runtime.InteropServices;

namespace Cscm.Memory.Collections;

/// <summary>
/// What a heap keeps of a B+tree: put it in a root or allocate it (zeroed: an empty tree) and keep its pointer in a structure of your
/// own. Only <see cref="ScmBTree{TKey,TValue}"/> reads and writes it. 128 bytes.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
public struct ScmBTreeHeader
{
    internal const int Size = 128;

    /// <summary>Part of the layout: trees with entries inside their leaves' blocks (0, never released) are not misread.</summary>
    internal const ulong NodeFormat = 1;
    internal const int LayoutAt = 0;
    internal const int RootAt = 8;
    internal const int HeightAt = 16;
    internal const int FirstLeafAt = 24;
    internal const int LastLeafAt = 32;
    internal const int CountAt = 64;

    /// <summary>Identifies the types of keys and values; zero: never opened.</summary>
    [FieldOffset(LayoutAt)]
    internal ulong Layout;

    [FieldOffset(RootAt)]
    internal long Root;

    /// <summary>Levels of inner nodes. Zero: the root is a leaf, or null.</summary>
    [FieldOffset(HeightAt)]
    internal long Height;

    [FieldOffset(FirstLeafAt)]
    internal long FirstLeaf;

    [FieldOffset(LastLeafAt)]
    internal long LastLeaf;

    /// <summary>On a line of its own: it changes with every insertion, what readers need does not.</summary>
    [FieldOffset(CountAt)]
    internal long Count;
}
