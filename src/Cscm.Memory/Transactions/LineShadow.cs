using System.Runtime.InteropServices;
using Cscm.Memory.Log;

namespace Cscm.Memory.Transactions;

/// <summary>
/// The lines that a large transaction has written, as it sees them, so that reading its own writes does not search them all. Filled
/// only when the transaction reads. Used by one thread.
/// </summary>
internal sealed unsafe class LineShadow : IDisposable
{
    private const int LineBytes = 64;
    private readonly Dictionary<long, int> _slots = [];
    private byte* _lines;
    private int _capacity;
    private long _seenBytes;

    public void Read(byte* heap, StagingBuffer staging, long offset, byte* target, long lengthBytes)
    {
        CatchUp(heap, staging);
        while (lengthBytes > 0)
        {
            long line = offset / LineBytes;
            long within = offset % LineBytes;
            long part = Math.Min(lengthBytes, LineBytes - within);
            byte* source = _slots.TryGetValue(line, out int slot) ? _lines + ((long)slot * LineBytes) + within : heap + offset;
            Buffer.MemoryCopy(source, target, part, part);
            offset += part;
            target += part;
            lengthBytes -= part;
        }
    }

    public void Clear()
    {
        _seenBytes = 0;
        if (_slots.Count > 0)
        {
            _slots.Clear();
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_lines);
        _lines = null;
    }

    private void CatchUp(byte* heap, StagingBuffer staging)
    {
        byte* entry = staging.Entries + _seenBytes;
        while (entry < staging.End)
        {
            if (LogEntries.TryGetWrite(ref entry, out long offset, out byte* content, out long lengthBytes))
            {
                Write(heap, offset, content, lengthBytes);
            }
        }

        _seenBytes = staging.End - staging.Entries;
    }

    private void Write(byte* heap, long offset, byte* content, long lengthBytes)
    {
        while (lengthBytes > 0)
        {
            long within = offset % LineBytes;
            long part = Math.Min(lengthBytes, LineBytes - within);
            Buffer.MemoryCopy(content, Line(heap, offset / LineBytes) + within, part, part);
            offset += part;
            content += part;
            lengthBytes -= part;
        }
    }

    private byte* Line(byte* heap, long line)
    {
        ref int slot = ref CollectionsMarshal.GetValueRefOrAddDefault(_slots, line, out bool exists);
        if (!exists)
        {
            slot = _slots.Count - 1;
            if (slot >= _capacity)
            {
                _capacity = Math.Max(64, 2 * _capacity);
                _lines = (byte*)NativeMemory.Realloc(_lines, (nuint)((long)_capacity * LineBytes));
            }

            Buffer.MemoryCopy(heap + (line * LineBytes), _lines + ((long)slot * LineBytes), LineBytes, LineBytes);
        }

        return _lines + ((long)slot * LineBytes);
    }
}
