using Cscm.Memory.Media;

namespace Cscm.Memory.Tests;

public sealed class CorruptionTests
{
    private const int Blocks = 40;
    private static readonly ScmHeapOptions s_small = new() { LaneCount = 1, LogBytes = 4096, BackgroundCheckpoints = false, ReservedAddressBytes = 1 << 20 };

    [Fact]
    public void Every_byte_of_a_small_heaps_metadata_flipped_in_turn_gives_an_exception_or_the_heap()
    {
        using var test = new TestHeap(1 << 20, s_small);
        Fill(test.Heap, Blocks);
        long dataOffset = test.Heap.Core.Geometry.DataOffset;
        test.Heap.Dispose();
        int refused = 0;
        int intact = 0;
        using FileStream file = Open(test.Path);
        for (long at = 0; at < dataOffset; at++)
        {
            if (IsInUnusedRoot(at) && at % 61 != 0)
            {
                // 500 equal entries of zeros: a sample of each will do.
                continue;
            }

            byte old = Flip(file, at, 0xff);
            Tally(test, Blocks, $"byte 0x{at:x}", ref refused, ref intact);
            Restore(file, at, old);
        }

        // Damage to the first copies is survived; damage to bitmaps and the like is refused: both must occur.
        Assert.InRange(refused, 100, dataOffset);
        Assert.InRange(intact, 10_000, dataOffset);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Random_damage_to_the_metadata_of_a_larger_heap_gives_an_exception_or_the_heap(int seed)
    {
        const int count = 3000;
        using var test = new TestHeap(32 << 20, new ScmHeapOptions { BackgroundCheckpoints = false });
        Fill(test.Heap, count);
        HeapInspection inspection = test.Heap.Inspect();
        long dataOffset = inspection.Regions[0].DataOffset;
        test.Heap.Dispose();
        byte[] metadata = File.ReadAllBytes(test.Path).AsSpan(0, (int)dataOffset).ToArray();
        var random = new Random(seed);
        int refused = 0;
        int intact = 0;
        using FileStream file = Open(test.Path);
        for (int i = 0; i < 300; i++)
        {
            for (int hits = random.Next(1, 20); hits > 0; hits--)
            {
                // Half of it where it hurts.
                long at = random.Next(2) == 0 ? random.NextInt64(dataOffset) : inspection.Regions[0].MetadataOffset + random.NextInt64(60_000);
                int length = (int)Math.Min(dataOffset - at, random.Next(3) switch { 0 => 1, 1 => random.Next(1, 64), _ => 4096 });
                byte[] damage = new byte[length];
                if (random.Next(3) > 0)
                {
                    random.NextBytes(damage);
                }

                file.Position = at;
                file.Write(damage);
            }

            file.Flush();
            Tally(test, count, $"seed {seed}, round {i}", ref refused, ref intact);
            file.Position = 0;
            file.Write(metadata);
            file.Flush();
        }

        Assert.InRange(refused, 10, 300);
    }

    [Fact]
    public void Random_damage_to_an_unfinished_heap_with_a_full_log_never_loses_what_was_checkpointed()
    {
        using var test = new TestHeap(1200 << 10, s_small with { LogBytes = 64 << 10 });
        Fill(test.Heap, Blocks);
        test.Heap.Checkpoint();
        Ptr<long> x = test.Heap.Root<long>("x");
        for (long i = 1; i <= 200; i++)
        {
            using Transaction tx = test.Heap.Begin();
            tx.Write(x, i);
            tx.Commit();
        }

        string copy = test.Path + "-copy";
        byte[] image = File.ReadAllBytes(test.Path);
        var random = new Random(4);
        int refused = 0;
        for (int i = 0; i < 1500; i++)
        {
            byte[] damaged = [.. image];
            int at = (int)MediaLayout.LogStart + random.Next(64 << 10);
            damaged[at] ^= (byte)random.Next(1, 256);
            File.WriteAllBytes(copy, damaged);
            try
            {
                using ScmHeap heap = ScmHeap.Open(copy, test.Options);
                AssertFilled(heap, Blocks);
                // The record that was hit may only be the very last: of it alone no one can tell damage from a crash.
                Assert.True(heap.TryGetRoot("x", out Ptr<long> found));
                Assert.InRange(heap.Get(found), 199, 200);
            }
            catch (ScmException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 100, 1500);
    }

    private static bool IsInUnusedRoot(long at)
    {
        long inTable = (at - MediaLayout.RootTableA) % MediaLayout.RootTableBytes;
        return at >= MediaLayout.RootTableA && at < MediaLayout.RootTableB + MediaLayout.RootTableBytes && inTable >= 2 * RootEntry.Size;
    }

    private static void Tally(TestHeap test, int blocks, string what, ref int refused, ref int intact)
    {
        try
        {
            using ScmHeap heap = ScmHeap.Open(test.Path, test.Options, readOnly: true);
            try
            {
                AssertFilled(heap, blocks);
                intact++;
            }
            catch (Xunit.Sdk.XunitException silent)
            {
                Assert.Fail($"{what}: silent damage: {silent.Message}");
            }
        }
        catch (ScmException)
        {
            refused++;
        }
    }

    private static void Fill(ScmHeap heap, int count)
    {
        PtrSpan<PtrSpan<long>> index;
        using (Transaction tx = heap.Begin())
        {
            index = tx.AllocSpan<PtrSpan<long>>(count);
            tx.SetRoot("index", index.Start);
            tx.Commit();
        }

        for (int i = 0; i < count; i++)
        {
            using Transaction tx = heap.Begin();
            var content = new long[1 + (i % 60)];
            Array.Fill(content, i);
            tx.Write(index.Start.Element(i), tx.AllocSpan<long>(content));
            tx.Commit();
        }
    }

    private static void AssertFilled(ScmHeap heap, int count)
    {
        Assert.True(heap.TryGetRoot("index", out Ptr<PtrSpan<long>> index), "the root is gone");
        for (int i = 0; i < count; i++)
        {
            PtrSpan<long> span = heap.Get(index.Element(i));
            Assert.Equal(1 + (i % 60), span.Length);
            Assert.True(heap.Get(span).IndexOfAnyExcept(i) < 0, "the content changed");
            Assert.True(heap.Core.Allocator.TryFind(span.Start.Offset, out Allocation.Block block) && ScmHeap.IsAllocated(block), "a block is no longer allocated");
        }
    }

    private static FileStream Open(string path) => new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);

    private static byte Flip(FileStream file, long at, byte mask)
    {
        file.Position = at;
        byte old = (byte)file.ReadByte();
        Restore(file, at, (byte)(old ^ mask));
        return old;
    }

    private static void Restore(FileStream file, long at, byte value)
    {
        file.Position = at;
        file.WriteByte(value);
    }
}
