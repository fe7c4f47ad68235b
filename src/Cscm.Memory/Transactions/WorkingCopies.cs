using System.Runtime.InteropServices;

namespace Cscm.Memory.Transactions;

/// <summary>
/// The objects a transaction edits through references: for each, what it was and what it is now, in DRAM at addresses that do not
/// move. Used by one thread.
/// </summary>
internal sealed unsafe class WorkingCopies : IDisposable
{
    private const long BlockBytes = 64 * 1024;
    private const int WordBytes = sizeof(ulong);
    private readonly List<(nint Start, long Bytes)> _arena = [];
    private Copy[] _copies = new Copy[8];
    private int _arenaIndex;
    private long _arenaUsed;

    public int Count { get; private set; }

    /// <summary>The copy of exactly this range; null when there is none. <paramref name="overlaps"/>: another copy shares bytes with it.</summary>
    public byte* Find(long offset, long lengthBytes, out bool overlaps)
    {
        overlaps = false;
        for (int i = 0; i < Count; i++)
        {
            ref Copy copy = ref _copies[i];
            if (copy.Offset == offset && copy.LengthBytes == lengthBytes)
            {
                return copy.Now;
            }

            overlaps |= copy.Offset < offset + lengthBytes && offset < copy.Offset + copy.LengthBytes;
        }

        return null;
    }

    /// <summary>Room for a new copy; the caller fills <paramref name="before"/> and the result with the present content.</summary>
    public byte* Add(long offset, long lengthBytes, out byte* before)
    {
        long padded = (lengthBytes + 15) & ~15L;
        byte* memory = Take(2 * padded);
        before = memory;
        if (Count == _copies.Length)
        {
            Array.Resize(ref _copies, 2 * Count);
        }

        _copies[Count++] = new Copy { Offset = offset, LengthBytes = lengthBytes, Before = memory, Now = memory + padded };
        return memory + padded;
    }

    /// <summary>Brings later tx.Write calls into the copies they overlap.</summary>
    public void Overlay(long offset, byte* content, long lengthBytes)
    {
        for (int i = 0; i < Count; i++)
        {
            ref Copy copy = ref _copies[i];
            long from = Math.Max(offset, copy.Offset);
            long to = Math.Min(offset + lengthBytes, copy.Offset + copy.LengthBytes);
            if (from < to)
            {
                Buffer.MemoryCopy(content + (from - offset), copy.Now + (from - copy.Offset), to - from, to - from);
            }
        }
    }

    /// <summary>Brings the copies' present content into what a read has gathered.</summary>
    public void ReadInto(long offset, byte* target, long lengthBytes)
    {
        for (int i = 0; i < Count; i++)
        {
            ref Copy copy = ref _copies[i];
            long from = Math.Max(offset, copy.Offset);
            long to = Math.Min(offset + lengthBytes, copy.Offset + copy.LengthBytes);
            if (from < to)
            {
                Buffer.MemoryCopy(copy.Now + (from - copy.Offset), target + (from - offset), to - from, to - from);
            }
        }
    }

    /// <summary>Stages the words that differ, adjacent ones as one entry.</summary>
    public void StageChanges(StagingBuffer staging)
    {
        for (int i = 0; i < Count; i++)
        {
            ref Copy copy = ref _copies[i];
            long at = 0;
            while (at < copy.LengthBytes)
            {
                if (!Differs(copy, at, out long width))
                {
                    at += width;
                    continue;
                }

                long start = at;
                while (at < copy.LengthBytes && Differs(copy, at, out width))
                {
                    at += width;
                }

                staging.Write(copy.Offset + start, copy.Now + start, at - start);
            }
        }
    }

    public void Clear()
    {
        Count = 0;
        _arenaIndex = 0;
        _arenaUsed = 0;
    }

    public void Dispose()
    {
        foreach ((nint start, long _) in _arena)
        {
            NativeMemory.Free((void*)start);
        }

        _arena.Clear();
    }

    private static bool Differs(in Copy copy, long at, out long width)
    {
        width = Math.Min(WordBytes, copy.LengthBytes - at);
        return width == WordBytes
            ? *(ulong*)(copy.Before + at) != *(ulong*)(copy.Now + at)
            : !new ReadOnlySpan<byte>(copy.Before + at, (int)width).SequenceEqual(new ReadOnlySpan<byte>(copy.Now + at, (int)width));
    }

    private byte* Take(long bytes)
    {
        while (_arenaIndex < _arena.Count && _arenaUsed + bytes > _arena[_arenaIndex].Bytes)
        {
            _arenaIndex++;
            _arenaUsed = 0;
        }

        if (_arenaIndex == _arena.Count)
        {
            long size = Math.Max(BlockBytes, bytes);
            _arena.Add(((nint)NativeMemory.Alloc((nuint)size), size));
            _arenaUsed = 0;
        }

        byte* memory = (byte*)_arena[_arenaIndex].Start + _arenaUsed;
        _arenaUsed += bytes;
        return memory;
    }

    [StructLayout(LayoutKind.Auto)]
    private struct Copy
    {
        public long Offset;
        public long LengthBytes;
        public byte* Before;
        public byte* Now;
    }
}
