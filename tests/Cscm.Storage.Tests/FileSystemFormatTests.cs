using Cscm.Storage.Linux;
using Cscm.Storage.Pools;

namespace Cscm.Storage.Tests;

/// <summary>Estimates of what a file system takes, held against real ones.</summary>
public sealed class FileSystemFormatTests
{
    private const long MiB = 1L << 20;

    public static TheoryData<string, long> Sizes()
    {
        var data = new TheoryData<string, long>();
        foreach (long capacityMiB in new long[] { 2, 4, 6, 30, 100, 118, 120, 122, 124, 126, 128, 130, 250, 500, 900, 984, 986, 988, 1000, 1010, 1024, 1026, 2000, 4000, 4096, 9000, 17000, 33000, 66000, 140000 })
            data.Add("ext4", capacityMiB);
        foreach (long capacityMiB in new long[] { 216, 230, 250, 300, 480, 800, 1024, 2048, 4096, 10000, 40000, 140000 })
            data.Add("xfs", capacityMiB);
        return data;
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public async Task A_fresh_file_system_offers_what_was_promised_and_little_more(string fileSystem, long capacityMiB)
    {
        FileSystemFormat format = FileSystemFormat.Of(fileSystem);
        long backingBytes = format.BackingFor(capacityMiB * MiB);
        (long usableBytes, long saidBytes) = await MeasureAsync(format, backingBytes);
        Assert.True(usableBytes >= capacityMiB * MiB, $"{usableBytes} of {capacityMiB * MiB} on {backingBytes}");
        Assert.True(saidBytes >= capacityMiB * MiB && saidBytes <= usableBytes + (64 << 10), $"the superblock says {saidBytes}, the kernel {usableBytes}");
        long wastedBytes = usableBytes - (capacityMiB * MiB);
        Assert.True(wastedBytes <= (capacityMiB * MiB / 100) + (6 * MiB) || backingBytes == format.MinimumBackingBytes, $"{wastedBytes} wasted of {backingBytes}");
    }

    [Theory]
    [InlineData("ext4")]
    [InlineData("xfs")]
    public void The_largest_capacity_fits_and_the_next_does_not(string fileSystem)
    {
        FileSystemFormat format = FileSystemFormat.Of(fileSystem);
        for (long freeBytes = 0; freeBytes < 6000 * MiB; freeBytes += (11 * MiB) + 4096)
        {
            long largestBytes = format.LargestCapacity(freeBytes);
            Assert.True(largestBytes == 0 || format.BackingFor(largestBytes) <= freeBytes);
            Assert.True(format.BackingFor(largestBytes + (2 * MiB)) > freeBytes, $"{largestBytes} of {freeBytes}");
        }
    }

    /// <summary>Space as the kernel tells it for the mounted file system, and as our reading of its superblock does.</summary>
    private static async Task<(long Mounted, long Superblock)> MeasureAsync(FileSystemFormat format, long backingBytes)
    {
        string directory = StoragePaths.NewDirectory();
        try
        {
            string image = Path.Combine(directory, "image");
            using (FileStream file = File.Create(image))
                file.SetLength(backingBytes);
            await format.MakeAsync(image, backingBytes, CancellationToken.None);
            long saidBytes = format.ReadUsableBytes(image);
            string mountPoint = Directory.CreateDirectory(Path.Combine(directory, "mount")).FullName;
            using (LoopDevice device = LoopDevice.Attach(image, isReadOnly: false, isAutoclear: true))
            using (SafePath path = SafePath.Open(mountPoint))
                Mounts.MountFileSystem(format.Name, device.Path, [], MountAttribute.None, path);
            using SafePath mounted = SafePath.Open(mountPoint);
            return (FileSystemControl.GetStats(mounted).AvailableBytes, saidBytes);
        }
        finally
        {
            StoragePaths.TakeDown(directory);
        }
    }
}
