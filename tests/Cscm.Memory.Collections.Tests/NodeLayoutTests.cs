namespace Cscm.Memory.Collections.Tests;

public sealed class NodeLayoutTests
{
    [Fact]
    public void Leaves_of_words_are_a_line_and_twelve_lines_of_entries()
    {
        Assert.Equal((0, 8, 16, 64), (LeafLayout<ulong, ulong>.BitmapAt, LeafLayout<ulong, ulong>.EntriesOffsetAt, LeafLayout<ulong, ulong>.FingerprintsAt, LeafLayout<ulong, ulong>.LineBytes));
        Assert.Equal((0, 8, 16, 768), (LeafLayout<ulong, ulong>.NextAt, LeafLayout<ulong, ulong>.PreviousAt, LeafLayout<ulong, ulong>.FirstEntryAt, LeafLayout<ulong, ulong>.EntriesBytes));
        Assert.Equal((47, 8), (LeafLayout<ulong, ulong>.Capacity, LeafLayout<ulong, Large>.Capacity));
        Assert.True(LeafLayout<ulong, ulong>.FingerprintsAt + LeafLayout<ulong, ulong>.Capacity <= LeafLayout<ulong, ulong>.LineBytes);
    }

    [Fact]
    public void Buckets_of_words_are_eight_lines_with_the_depth_in_the_first()
    {
        Assert.Equal((8, 512, 28), (BucketLayout<ulong, ulong>.DepthAt, BucketLayout<ulong, ulong>.Bytes, BucketLayout<ulong, ulong>.Capacity));
        Assert.Equal(64, BucketLayout<ulong, ulong>.EntriesAt + LeafLayout<ulong, ulong>.EntryAt(0));
    }

    [Theory]
    [InlineData(0x40000, 0x40040, true)]
    [InlineData(0x40000, 0x40000 + (32767L * 64), true)]
    [InlineData(0x40000, 0x40000 + (32768L * 64), false)]
    [InlineData(0x1000000, 0x1000000 - (32768L * 64), true)]
    [InlineData(0x1000000, 0x1000000 - (32769L * 64), false)]
    [InlineData(0xffff_ffff_ff00, 0xffff_ffff_0000, true)]
    public void A_pointer_to_a_leaf_says_where_its_entries_are_if_they_are_near(long leaf, long entries, bool isNear)
    {
        long pointer = LeafPointer.Pack(leaf, entries);
        Assert.Equal(leaf, LeafPointer.Offset(pointer));
        Assert.Equal(isNear ? entries - leaf : 0, LeafPointer.DistanceBytes(pointer));
    }

    private unsafe struct Large
    {
        public fixed byte Content[256];
    }
}
