using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Cscm.Memory.Allocation;

/// <summary>One thread's free blocks, a small stack per size class: allocation and free without a lock. Used by its thread only.</summary>
internal sealed class BlockCache
{
    /// <summary>Every block starts at a multiple of this.</summary>
    public const int Alignment = 16;

    private const int MaxBlocks = 64;
    private const int MaxBytes = 64 * 1024;
    private readonly Stack[] _stacks = new Stack[SizeClasses.Count];

    public BlockCache()
    {
        for (int i = 0; i < _stacks.Length; i++)
        {
            _stacks[i].Capacity = Math.Clamp(MaxBytes / SizeClasses.SizeOf(i), 2, MaxBlocks);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryPop(long sizeBytes, out Block block)
    {
        if (sizeBytes <= SizeClasses.LargestBytes)
        {
            return TryPop(SizeClasses.ClassOf(sizeBytes), out block);
        }

        block = default;
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryPop(int sizeClass, out Block block)
    {
        ref Stack stack = ref _stacks[sizeClass];
        if (stack.Count == 0)
        {
            block = default;
            return false;
        }

        block = stack.Blocks![--stack.Count];
        return true;
    }

    public bool TryPush(in Block block)
    {
        ref Stack stack = ref _stacks[block.Run.SizeClass];
        if (stack.Count == stack.Capacity)
        {
            return false;
        }

        stack.Blocks ??= new Block[stack.Capacity];
        stack.Blocks[stack.Count++] = block;
        return true;
    }

    /// <summary>Forgets its blocks: the heap is closed.</summary>
    public void Clear()
    {
        for (int i = 0; i < _stacks.Length; i++)
        {
            _stacks[i].Count = 0;
        }
    }

    public int Room(int sizeClass) => _stacks[sizeClass].Capacity - _stacks[sizeClass].Count;

    public long FreeBytes
    {
        get
        {
            long bytes = 0;
            for (int i = 0; i < _stacks.Length; i++)
            {
                bytes += (long)_stacks[i].Count * SizeClasses.SizeOf(i);
            }

            return bytes;
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private struct Stack
    {
        public Block[]? Blocks;
        public int Count;
        public int Capacity;
    }
}
