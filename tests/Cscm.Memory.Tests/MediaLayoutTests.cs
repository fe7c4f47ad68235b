using System.Runtime.InteropServices;
using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;

namespace Cscm.Memory.Tests;

/// <summary>Pins format 1: a failure here means heaps of users no longer open.</summary>
public sealed unsafe class MediaLayoutTests
{
    [Fact]
    public void Structures_on_the_medium_have_their_documented_sizes_and_offsets()
    {
        Assert.Equal(256, sizeof(Superblock));
        Assert.Equal(32, sizeof(RegionRecord));
        Assert.Equal(64, sizeof(CheckpointSlot));
        Assert.Equal(24, sizeof(LogRecord));
        Assert.Equal(24, sizeof(OverflowPiece));
        Assert.Equal(576, sizeof(ChunkHeader));
        Assert.Equal(128, sizeof(RootEntry));
        Assert.Equal(256, sizeof(Lane));
        Assert.Equal(
            [0, 8, 10, 12, 16, 32, 40, 48, 56, 64, 72, 76, 80],
            Offsets<Superblock>("Magic", "MajorVersion", "MinorVersion", "IncompatibleFeatures", "HeapId", "Salt", "Generation", "SizeBytes", "LogOffset", "LaneBytes", "LaneCount", "RegionCount", "CreatedUnixSeconds"));
        Assert.Equal([0, 8, 16, 24], Offsets<RegionRecord>("HeadersOffset", "MirrorsOffset", "DataOffset", "ChunkCount"));
        Assert.Equal([0, 8, 16, 24, 32], Offsets<CheckpointSlot>("Magic", "Generation", "Horizon", "LaneCount", "Checksum"));
        Assert.Equal([0, 8, 12, 16], Offsets<LogRecord>("Sequence", "LengthBytes", "Kind", "Checksum"));
        Assert.Equal([0, 8, 16], Offsets<OverflowPiece>("Offset", "LengthBytes", "Checksum"));
        Assert.Equal([0, 8, 16], Offsets<ChunkHeader>("Descriptor", "DescriptorChecksum", "BitmapSum"));
        Assert.Equal([0, 8, 16, 24, 64, 65], Offsets<RootEntry>("Offset", "Fingerprint", "SizeBytes", "Checksum", "NameLength", "Name"));
        Assert.True(ChunkHeader.BitmapAt + (ChunkHeader.MaxBlocks / 8) <= sizeof(ChunkHeader));
    }

    [Fact]
    public void Fixed_places_do_not_move_and_do_not_overlap()
    {
        Assert.Equal(
            [0, 16384, 32768, 36864, 40960, 73728, 131072],
            new[] { MediaLayout.SuperblockA, MediaLayout.SuperblockB, MediaLayout.CheckpointA, MediaLayout.CheckpointB, MediaLayout.RootTableA, MediaLayout.RootTableB, MediaLayout.LogStart });
        Assert.True(MediaLayout.RootTableB + MediaLayout.RootTableBytes <= MediaLayout.LogStart);
        Assert.True(Superblock.RegionsAt + (MediaLayout.MaxRegions * RegionRecord.Size) <= Superblock.ChecksumAt);
        Assert.True(CheckpointSlot.TailsAt + (MediaLayout.MaxLanes * sizeof(long)) <= MediaLayout.CheckpointBytes);
        Assert.Equal((1 << 16), MediaLayout.ChunkBytes);
    }

    [Fact]
    public void Size_classes_are_those_of_format_1()
    {
        Assert.Equal(48, SizeClasses.Count);
        Assert.Equal(
            [16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512],
            Enumerable.Range(0, 16).Select(SizeClasses.SizeOf));
        Assert.Equal(128 * 1024, SizeClasses.SizeOf(47));
        for (int i = 0; i < SizeClasses.Count; i++)
        {
            Assert.InRange(SizeClasses.BlocksPerRun(i), 4, ChunkHeader.MaxBlocks);
            Assert.Equal(i, SizeClasses.ClassOf(SizeClasses.SizeOf(i)));
            Assert.Equal(Math.Min(i + 1, SizeClasses.Count - 1), SizeClasses.ClassOf(Math.Min(SizeClasses.SizeOf(i) + 1, SizeClasses.LargestBytes)));
            for (long block = 0; block < SizeClasses.BlocksPerRun(i); block++)
            {
                Assert.Equal(block, SizeClasses.BlockAt(i, block * SizeClasses.SizeOf(i)));
                Assert.Equal(block, SizeClasses.BlockAt(i, ((block + 1) * SizeClasses.SizeOf(i)) - 1));
            }
        }
    }

    [Fact]
    public void The_checksum_function_gives_the_documented_values()
    {
        byte* data = stackalloc byte[72];
        for (int i = 0; i < 72; i++)
        {
            data[i] = (byte)i;
        }

        Assert.Equal(ExpectedEmpty, MediaHash.Compute(data, 0, 0));
        Assert.Equal(Expected72, MediaHash.Compute(data, 72, 42));
        Assert.Equal(ExpectedMix, MediaHash.Mix(7, 42));
        Assert.Equal(0x3008_0000_0000_1000UL, LogEntry.Tag(LogEntry.SetBit, 0x1000, 8));
    }

    [Fact]
    public void Any_single_bit_changes_the_checksum()
    {
        byte* data = stackalloc byte[128];
        for (int i = 0; i < 128; i++)
        {
            data[i] = (byte)(i * 37);
        }

        ulong whole = MediaHash.Compute(data, 128, 1);
        for (int bit = 0; bit < 128 * 8; bit++)
        {
            data[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(whole, MediaHash.Compute(data, 128, 1));
            data[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    private const ulong ExpectedEmpty = 0x9fb21c651e98df25;
    private const ulong Expected72 = 0x5d3b7a0560eb93e4;
    private const ulong ExpectedMix = 0xb5571c583edadaab;

    private static int[] Offsets<T>(params string[] fields) =>
        Array.ConvertAll(fields, field => typeof(T).GetField(field)!.GetCustomAttributes(typeof(FieldOffsetAttribute), false).Cast<FieldOffsetAttribute>().Single().Value);
}
