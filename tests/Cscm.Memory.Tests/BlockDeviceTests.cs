using System.Diagnostics;

namespace Cscm.Memory.Tests;

/// <summary>A heap on a raw block volume, as a pod with volumeMode Block gets one: a node in /dev, which is a tmpfs there.</summary>
public sealed class BlockDeviceTests
{
    [LoopDeviceFact]
    public void A_heap_on_a_block_device_is_durable_through_the_page_cache()
    {
        using var device = new LoopDevice(16 << 20);
        using (ScmHeap heap = ScmHeap.OpenOrCreate(device.Path, 16 << 20))
        {
            // Never Volatile, though the node's own file system is: its bytes are not there.
            Assert.Equal(PersistenceDomain.PageCache, heap.Domain);
            Assert.Contains("block device", heap.Describe(), StringComparison.Ordinal);
            using Transaction tx = heap.Begin();
            tx.Write(heap.Root<long>("answer"), 42);
            tx.Commit();

            // Committed is on the backing file, while the heap is still open.
            using ScmHeap copy = ScmHeap.Open(device.CopyOfBackingFile());
            Assert.Equal(42, copy.Get(copy.Root<long>("answer")));
        }

        using ScmHeap again = ScmHeap.OpenOrCreate(device.Path, 16 << 20);
        Assert.Equal(42, again.Get(again.Root<long>("answer")));
    }
}

/// <summary>A loop device over a sparse file, both gone afterwards.</summary>
internal sealed class LoopDevice : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cscm-loop-").FullName;

    public LoopDevice(long sizeBytes)
    {
        using (FileStream file = File.Create(BackingFile))
            file.SetLength(sizeBytes);
        Path = Run("--find", "--show", BackingFile).Trim();
    }

    public string Path { get; }

    private string BackingFile => System.IO.Path.Combine(_directory, "device");

    public string CopyOfBackingFile()
    {
        string copy = BackingFile + "-copy";
        File.Copy(BackingFile, copy);
        return copy;
    }

    public void Dispose()
    {
        Run("--detach", Path);
        Directory.Delete(_directory, recursive: true);
    }

    private static string Run(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("losetup", arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"losetup {string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }
}

/// <summary>A test that attaches a loop device.</summary>
public sealed class LoopDeviceFactAttribute : FactAttribute
{
    public LoopDeviceFactAttribute() =>
        Skip = Environment.UserName != "root" ? "loop devices are root's: run as root"
            : !File.Exists("/dev/loop-control") ? "there are no loop devices: run on a machine with /dev/loop-control"
            : null;
}
