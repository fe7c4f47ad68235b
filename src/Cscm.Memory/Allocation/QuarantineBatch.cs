namespace Cscm.Memory.Allocation;

/// <summary>
/// Freed blocks that replay could still write to: they become available when the horizon has passed the youngest record that freed one.
/// </summary>
internal sealed class QuarantineBatch
{
    private const int MaxBlocks = 64;
    private const long MaxBytes = 64 * 1024;
    private readonly Block[] _blocks = new Block[MaxBlocks];

    /// <summary>In a <see cref="BatchQueue"/>.</summary>
    public QuarantineBatch? Next { get; set; }

    public int Count { get; private set; }

    public long SizeBytes { get; private set; }

    public ulong Sequence { get; private set; }

    public bool IsFull => Count == MaxBlocks || SizeBytes >= MaxBytes;

    public ReadOnlySpan<Block> Blocks => new(_blocks, 0, Count);

    public void Clear()
    {
        Array.Clear(_blocks, 0, Count);
        Count = 0;
        SizeBytes = 0;
        Sequence = 0;
    }

    public void Add(in Block block, ulong sequence)
    {
        _blocks[Count++] = block;
        SizeBytes += block.SizeBytes;
        Sequence = sequence;
    }
}
