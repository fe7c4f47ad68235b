using System.Text;
using Cscm.Storage.State;

namespace Cscm.Storage.Tests;

/// <summary>State files: what a crash may leave in them, and what only damage can.</summary>
public sealed class RecordFileTests : IDisposable
{
    private readonly string _directory = StoragePaths.NewDirectory();

    private string FilePath => Path.Combine(_directory, "snap.log");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void The_last_record_written_is_the_one_read()
    {
        RecordFile<SnapshotRecord> file = Create("first");
        file.Write(Record("second"), isDurable: true);
        file.Write(Record("third\n\0ü"), isDurable: false);
        Assert.Equal(Record("third\n\0ü"), Load().Value);
    }

    [Fact]
    public void An_append_cut_off_at_any_byte_leaves_the_state_before_it()
    {
        Create("first").Write(Record("second"), isDurable: true);
        byte[] whole = File.ReadAllBytes(FilePath);
        int firstBytes = Array.IndexOf(whole, (byte)'\n') + 1;
        for (int length = firstBytes; length < whole.Length; length++)
        {
            File.WriteAllBytes(FilePath, whole[..length]);
            RecordFile<SnapshotRecord> file = Load();
            Assert.Equal("first", file.Value.Name);
            file.Write(Record("after"), isDurable: true);
            Assert.Equal("after", Load().Value.Name);
        }
    }

    [Fact]
    public void An_append_whose_sectors_were_not_all_written_leaves_the_state_before_it()
    {
        Create("first").Write(Record("second"), isDurable: true);
        byte[] whole = File.ReadAllBytes(FilePath);
        int firstBytes = Array.IndexOf(whole, (byte)'\n') + 1;
        Array.Clear(whole, firstBytes + 20, 40);
        File.WriteAllBytes(FilePath, whole);
        Assert.Equal("first", Load().Value.Name);
    }

    [Fact]
    public void A_flipped_bit_anywhere_is_noticed()
    {
        Create("first").Write(Record("second"), isDurable: true);
        byte[] whole = File.ReadAllBytes(FilePath);
        for (int i = 0; i < whole.Length; i++)
        {
            byte[] damaged = [.. whole];
            damaged[i] ^= 0x04;
            File.WriteAllBytes(FilePath, damaged);
            Assert.Throws<InvalidDataException>(Load);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("1 00000000 2 {}\n")]
    [InlineData("2 00000000 2 {}\n")]
    [InlineData("not a record\n")]
    [InlineData("1 00000000 -5 {}\n")]
    [InlineData("1 00000000 99999999999 {}\n")]
    [InlineData("1 00000000 2147483647 {}\n")]
    public void A_file_that_holds_no_record_is_damaged(string content)
    {
        File.WriteAllText(FilePath, content);
        Assert.Throws<InvalidDataException>(Load);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[1]")]
    [InlineData("{\"Id\":\"x\",\"Unknown\":1}")]
    public void A_record_that_is_intact_but_not_ours_is_damaged(string json)
    {
        File.WriteAllBytes(FilePath, RecordLine.Encode(Encoding.UTF8.GetBytes(json)));
        Assert.Throws<InvalidDataException>(Load);
    }

    [Fact]
    public void A_file_does_not_grow_for_ever()
    {
        RecordFile<SnapshotRecord> file = Create("start");
        long oneBytes = new FileInfo(FilePath).Length, largestBytes = 0;
        for (int i = 0; i < 1000; i++)
        {
            file.Write(Record($"name{i}"), isDurable: false);
            largestBytes = Math.Max(largestBytes, new FileInfo(FilePath).Length);
        }
        Assert.InRange(largestBytes, 10 * oneBytes, 80 * oneBytes);
        Assert.Equal("name999", Load().Value.Name);
    }

    [Fact]
    public void After_a_failed_write_the_object_takes_no_change_and_keeps_its_state()
    {
        RecordFile<SnapshotRecord> file = Create("first");
        File.Delete(FilePath);
        Assert.Equal(StorageErrorKind.Internal, Assert.Throws<StorageException>(() => file.Write(Record("second"), isDurable: true)).Kind);
        File.WriteAllText(FilePath, "");
        Assert.Contains(FilePath, Assert.Throws<StorageException>(() => file.Write(Record("third"), isDurable: true)).Message, StringComparison.Ordinal);
        Assert.Equal("first", file.Value.Name);
    }

    private static SnapshotRecord Record(string name) => new()
    {
        Id = "snap-1",
        Name = name,
        SourceVolumeId = "cscm-1",
        Pool = "file",
        Phase = RecordPhase.Ready,
        Access = AccessType.Mount,
        FileSystem = "ext4",
        CapacityBytes = 1,
        BackingBytes = 2,
        FileSystemBytes = 3,
        CreatedAt = DateTimeOffset.UnixEpoch,
    };

    private RecordFile<SnapshotRecord> Create(string name) => RecordFile<SnapshotRecord>.Create(FilePath, StateJson.Default.SnapshotRecord, Record(name));

    private RecordFile<SnapshotRecord> Load() => RecordFile<SnapshotRecord>.Load(FilePath, StateJson.Default.SnapshotRecord);
}
