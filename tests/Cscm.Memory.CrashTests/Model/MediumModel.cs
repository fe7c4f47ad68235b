using System.Runtime.InteropServices;

namespace Cscm.Memory.CrashTests.Model;

/// <summary>
/// The medium as a power failure would find it, event by event: what is certain, and the lines whose content is not. The model of
/// persistent memory is that of x86: stores to one line in order, lines independent, eight bytes atomic.
/// </summary>
internal sealed class MediumModel
{
    public const int LineBytes = 64;

    private readonly PersistenceDomain _domain;
    private byte[] _seen;
    private byte[] _certain;

    public MediumModel(PersistenceDomain domain, ReadOnlySpan<byte> start)
    {
        _domain = domain;
        _seen = start.ToArray();
        _certain = start.ToArray();
    }

    /// <summary>The lines whose content is uncertain, by number.</summary>
    public SortedDictionary<int, LineHistory> Uncertain { get; } = [];

    /// <summary>Lines of <see cref="Certain"/> that the last event changed.</summary>
    public List<int> Settled { get; } = [];

    public ReadOnlySpan<byte> Certain => _certain;

    public int SizeBytes => _certain.Length;

    public Span<ulong> CertainLine(int line) => MemoryMarshal.Cast<byte, ulong>(_certain.AsSpan(line * LineBytes, LineBytes));

    public void Apply(TraceEvent item)
    {
        Settled.Clear();
        switch (item.Kind)
        {
            case TraceKind.Stored:
                Store(item, isStreamed: false);
                break;
            case TraceKind.Streamed:
                Store(item, isStreamed: true);
                break;
            case TraceKind.WroteBack:
                foreach (int line in LinesOf(item.OffsetBytes, item.LengthBytes))
                {
                    if (Uncertain.TryGetValue(line, out LineHistory? history))
                        history.WriteBack(item.Thread);
                }
                break;
            case TraceKind.Fenced:
                Fence(item);
                break;
            case TraceKind.Resized:
                Array.Resize(ref _seen, (int)item.LengthBytes);
                Array.Resize(ref _certain, (int)item.LengthBytes);
                break;
            case TraceKind.Acknowledged:
                break;
            default:
                throw new InvalidOperationException($"unknown event {item.Kind}");
        }
    }

    private void Store(TraceEvent item, bool isStreamed)
    {
        foreach (int line in LinesOf(item.OffsetBytes, item.LengthBytes))
        {
            ulong[] before = [.. MemoryMarshal.Cast<byte, ulong>(_seen.AsSpan(line * LineBytes, LineBytes))];
            CopyPart(item, line);
            ReadOnlySpan<ulong> after = MemoryMarshal.Cast<byte, ulong>(_seen.AsSpan(line * LineBytes, LineBytes));
            byte mask = 0;
            for (int word = 0; word < LineHistory.WordsPerLine; word++)
                mask |= before[word] != after[word] ? (byte)(1 << word) : (byte)0;
            if (mask == 0)
                continue;
            if (_domain == PersistenceDomain.CpuCache)
            {
                // Durable once visible; program order is all there is.
                after.CopyTo(CertainLine(line));
                Settled.Add(line);
                continue;
            }
            if (!Uncertain.TryGetValue(line, out LineHistory? history))
                Uncertain.Add(line, history = new LineHistory());
            history.Add(item.Thread, isStreamed, mask, after.ToArray());
        }
    }

    private void CopyPart(TraceEvent item, int line)
    {
        long lineStart = (long)line * LineBytes;
        long from = Math.Max(item.OffsetBytes, lineStart);
        long to = Math.Min(item.OffsetBytes + item.LengthBytes, lineStart + LineBytes);
        item.Content.AsSpan((int)(from - item.OffsetBytes), (int)(to - from)).CopyTo(_seen.AsSpan((int)from));
    }

    private void Fence(TraceEvent item)
    {
        bool isSync = _domain == PersistenceDomain.PageCache;
        // Length zero syncs the whole file; a processor's fence knows no range.
        bool isWhole = !isSync || item.LengthBytes == 0;
        foreach ((int line, LineHistory history) in Uncertain.ToArray())
        {
            long offset = (long)line * LineBytes;
            if (!isWhole && (offset + LineBytes <= item.OffsetBytes || offset >= item.OffsetBytes + item.LengthBytes))
                continue;
            history.Fence(item.Thread, CertainLine(line), everything: isSync);
            Settled.Add(line);
            if (history.IsEmpty)
                Uncertain.Remove(line);
        }
    }

    private static IEnumerable<int> LinesOf(long offsetBytes, long lengthBytes)
    {
        for (long line = offsetBytes / LineBytes; line * LineBytes < offsetBytes + lengthBytes; line++)
            yield return (int)line;
    }
}
