using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Cscm.Memory.Medium;
using Cscm.Memory.Native;

namespace Cscm.Memory.Tests;

public sealed partial class LifecycleTests
{
    [Fact]
    public async Task A_heap_grows_while_it_is_used_and_opens_at_its_new_size()
    {
        using var test = new TestHeap(2 << 20);
        using var stop = new CancellationTokenSource();
        Ptr<long> x = test.Heap.Root<long>("x");
        var writer = Task.Run(() =>
        {
            for (long i = 0; !stop.IsCancellationRequested; i++)
            {
                using Transaction tx = test.Heap.Begin();
                tx.Write(x, i);
                tx.Commit();
            }
        });
        Assert.Throws<ScmOutOfSpaceException>(() => test.Heap.Reserve<byte>(3 << 20));
        test.Heap.Grow(8 << 20);
        test.Heap.Grow(24 << 20);
        await stop.CancelAsync();
        await writer;
        using (Transaction tx = test.Heap.Begin())
        {
            PtrSpan<byte> large = tx.AllocSpan<byte>(12 << 20);
            tx.SetRoot("large", large.Start);
            tx.Commit();
        }

        test.Reopen();
        Assert.Equal(24 << 20, test.Heap.SizeBytes);
        Assert.Equal(3, test.Heap.Inspect().Regions.Count);
        Assert.True(test.Heap.TryGetRoot("large", out Ptr<byte> found));
        Assert.Equal(12 << 20, test.Heap.UsableBytes(found));
        Assert.Empty(test.Heap.Check().Problems);
        // Metadata between regions is no place for data.
        Assert.Throws<ScmMisuseException>(() => test.Heap.Get(new Ptr<long>((2 << 20) + 64)));
    }

    [Fact]
    public void A_second_opening_is_refused_and_readers_share()
    {
        using var test = new TestHeap();
        Assert.Throws<ScmHeapInUseException>(() => ScmHeap.Open(test.Path));
        Assert.Throws<ScmHeapInUseException>(() => ScmHeap.Open(test.Path, readOnly: true));
        Ptr<long> x = test.Heap.Root<long>("x");
        test.Heap.Dispose();
        using ScmHeap one = ScmHeap.Open(test.Path, readOnly: true);
        using ScmHeap two = ScmHeap.Open(test.Path, readOnly: true);
        Assert.True(one.TryGetRoot("x", out Ptr<long> found));
        Assert.Equal(x, found);
        using (ScmHeap three = ScmHeap.Open(test.Path, test.Options, readOnly: true))
        {
            // The medium's, though this opening writes nothing to it.
            Assert.Equal(PersistenceDomain.MemoryController, three.Domain);
        }

        Assert.Throws<ScmMisuseException>(() => one.Begin());
        Assert.Throws<ScmHeapInUseException>(() => ScmHeap.Open(test.Path));
    }

    [Fact]
    public void Reading_only_replays_without_touching_the_file()
    {
        using var test = new TestHeap();
        Ptr<long> x = test.Heap.Root<long>("x");
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Write(x, 6L);
            tx.Commit();
        }

        using (ScmHeap writable = test.OpenCopyAsIs(out _))
        {
        }

        File.Copy(test.Path, test.Path + "-copy", overwrite: true);
        byte[] before = File.ReadAllBytes(test.Path + "-copy");
        using (ScmHeap reader = ScmHeap.Open(test.Path + "-copy", readOnly: true))
        {
            Assert.True(reader.TryGetRoot("x", out Ptr<long> found));
            Assert.Equal(6, reader.Get(found));
            Assert.Equal(2, reader.ReplayedCount);
        }

        Assert.True(before.AsSpan().SequenceEqual(File.ReadAllBytes(test.Path + "-copy")));
    }

    [Fact]
    public void Several_heaps_in_a_process_do_not_mix()
    {
        using var one = new TestHeap();
        using var two = new TestHeap();
        Ptr<long> x = one.Heap.Root<long>("x");
        Ptr<long> y = two.Heap.Root<long>("x");
        using (Transaction first = one.Heap.Begin())
        using (Transaction second = two.Heap.Begin())
        {
            first.Write(x, 1L);
            second.Write(y, 2L);
            first.Commit();
            second.Commit();
        }

        Assert.Equal(1, one.Heap.Get(x));
        Assert.Equal(2, two.Heap.Get(y));
    }

    [Fact]
    public void Another_type_behind_a_root_is_a_clear_mismatch()
    {
        using var test = new TestHeap();
        test.Heap.Root<long>("x");
        ScmMismatchException error = Assert.Throws<ScmMismatchException>(() => test.Heap.Root<int>("x"));
        Assert.Contains("\"x\"", error.Message, StringComparison.Ordinal);
        Assert.Throws<ScmMismatchException>(() => test.Heap.TryGetRoot<double>("x", out _));
    }

    [Fact]
    public void A_root_whose_fields_changed_places_is_a_mismatch()
    {
        using var test = new TestHeap();
        test.Heap.Root<Before.Point>("p");
        Assert.Throws<ScmMismatchException>(() => test.Heap.Root<After.Point>("p"));
        test.Reopen();
        Assert.True(test.Heap.TryGetRoot("p", out Ptr<Before.Point> _));
    }

    [Fact]
    public void After_a_failed_persist_the_heap_latches_until_it_is_opened_again()
    {
        var recorder = new FailingRecorder();
        using var test = new TestHeap(8 << 20, new ScmHeapOptions { Recorder = recorder });
        Ptr<long> x = test.Heap.Root<long>("x");
        recorder.IsFailing = true;
        Assert.Throws<IOException>(() => Write(2));
        recorder.IsFailing = false;
        Assert.Throws<ScmFailedException>(() => Write(3));
        Assert.Throws<ScmFailedException>(() => test.Heap.Checkpoint());
        Assert.Throws<ScmFailedException>(() => test.Heap.Reserve<long>(8));
        test.Reopen();
        Write(4);
        Assert.Equal(4, test.Heap.Get(x));

        void Write(long value)
        {
            using Transaction tx = test.Heap.Begin();
            tx.Write(x, value);
            tx.Commit();
        }
    }

    [Fact]
    public void A_part_of_the_medium_that_cannot_be_read_is_an_error_not_the_end_of_the_process()
    {
        using var test = new TestHeap(8 << 20);
        PtrSpan<byte> span;
        using (Transaction tx = test.Heap.Begin())
        {
            span = tx.AllocSpan<byte>(4 << 20);
            tx.Commit();
        }

        using (var file = new FileStream(test.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(span.Start.Offset + (1 << 20));
            Assert.Contains("cannot be read", Assert.Single(test.Heap.Check().Problems), StringComparison.Ordinal);
            file.SetLength(8 << 20);
        }

        Assert.Empty(test.Heap.Check().Problems);
    }

    [Fact]
    public void What_is_no_heap_or_too_small_or_exists_is_refused()
    {
        using var test = new TestHeap();
        Assert.Throws<ScmMisuseException>(() => ScmHeap.Create(test.Path + "-copy", 1000));
        File.WriteAllBytes(test.Path + "-copy", new byte[2 << 20]);
        Assert.Throws<ScmMismatchException>(() => ScmHeap.Open(test.Path + "-copy"));
        Assert.Throws<ScmSystemException>(() => ScmHeap.Open(test.Path + "-none"));
        test.Heap.Dispose();
        Assert.Throws<ScmMisuseException>(() => ScmHeap.Create(test.Path, 8 << 20));
        using (FileStream file = File.OpenWrite(test.Path))
        {
            file.SetLength(4 << 20);
        }

        ScmCorruptionException truncated = Assert.Throws<ScmCorruptionException>(() => ScmHeap.Open(test.Path));
        Assert.Contains("truncated", truncated.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_closed_heap_is_unlocked_though_a_child_still_holds_its_descriptor()
    {
        using var test = new TestHeap();
        test.Heap.Dispose();
        HeapMapping mapping = HeapMapping.Open(test.Path, create: false, isReadOnly: false, 0, preallocate: false, 0);
        // As a fork leaves it in the child until that executes its program.
        using var held = new SafeFileHandle(Duplicate(mapping.Descriptor), ownsHandle: true);
        Assert.False(held.IsInvalid);
        Assert.Throws<ScmHeapInUseException>(() => ScmHeap.Open(test.Path));
        mapping.Dispose();
        using ScmHeap again = ScmHeap.Open(test.Path);
    }

    [Fact]
    public void A_directory_stands_for_its_default_file()
    {
        string directory = Directory.CreateTempSubdirectory("cscm-test-").FullName;
        try
        {
            using (ScmHeap heap = ScmHeap.OpenOrCreate(directory, 2 << 20))
            {
                heap.Root<long>("x");
            }

            Assert.True(File.Exists(Path.Combine(directory, ScmHeap.DefaultFileName)));
            using ScmHeap again = ScmHeap.OpenOrCreate(directory, 2 << 20);
            Assert.Equal(["x"], again.RootNames);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Theory]
    [InlineData(PersistenceDomain.MemoryController)]
    [InlineData(PersistenceDomain.CpuCache)]
    [InlineData(PersistenceDomain.PageCache)]
    [InlineData(PersistenceDomain.Volatile)]
    public void Every_domain_commits_recovers_and_describes_itself(PersistenceDomain domain)
    {
        using var test = new TestHeap(4 << 20, new ScmHeapOptions { Domain = domain });
        Ptr<PtrSpan<byte>> root = test.Heap.Root<PtrSpan<byte>>("text");
        for (int i = 0; i < 200; i++)
        {
            using Transaction tx = test.Heap.Begin();
            tx.Free(tx.Read(root));
            tx.Write(root, tx.AllocSpan("some text"u8));
            tx.Commit();
        }

        Assert.Contains(domain.ToString(), test.Heap.Describe(), StringComparison.Ordinal);
        using ScmHeap copy = test.OpenCopyAsIs(out _);
        Assert.Equal("some text"u8.ToArray(), copy.Get(copy.Get(copy.Root<PtrSpan<byte>>("text"))).ToArray());
        Assert.Equal(2, copy.Check().AllocatedBlocks);
    }

    [Fact]
    public void Threads_share_a_sync_on_page_cache_media()
    {
        using var test = new TestHeap(16 << 20, new ScmHeapOptions { Domain = PersistenceDomain.PageCache });
        PtrSpan<long> cells;
        using (Transaction tx = test.Heap.Begin())
        {
            cells = tx.AllocSpan<long>(8);
            tx.Commit();
        }

        Parallel.For(0, 8, new ParallelOptions { MaxDegreeOfParallelism = 8 }, cell =>
        {
            for (long i = 1; i <= 200; i++)
            {
                using Transaction tx = test.Heap.Begin();
                tx.Write(cells.Start.Element(cell), i);
                tx.Commit();
            }
        });
        Assert.Equal(Enumerable.Repeat(200L, 8), test.Heap.Get(cells).ToArray());
        Assert.True(test.Heap.Metrics.Syncs <= test.Heap.Metrics.Commits + (3 * test.Heap.Metrics.Checkpoints) + 8);
    }

    [Fact]
    public void Detection_reads_the_mount_and_every_region()
    {
        string sys = Directory.CreateTempSubdirectory("cscm-sys-").FullName;
        try
        {
            string region0 = Directory.CreateDirectory(Path.Combine(sys, "devices/region0/namespace0.0/block/pmem0")).FullName;
            string region1 = Directory.CreateDirectory(Path.Combine(sys, "devices/region1/namespace1.0/block/pmem1")).FullName;
            string mapper = Directory.CreateDirectory(Path.Combine(sys, "devices/virtual/dm-0/slaves")).Parent!.FullName;
            Directory.CreateDirectory(Path.Combine(sys, "dev/block"));
            File.CreateSymbolicLink(Path.Combine(sys, "dev/block/253:0"), mapper);
            File.CreateSymbolicLink(Path.Combine(mapper, "slaves/pmem0"), region0);
            File.CreateSymbolicLink(Path.Combine(mapper, "slaves/pmem1"), region1);
            File.WriteAllText(Path.Combine(sys, "devices/region0/persistence_domain"), "cpu_cache\n");
            File.WriteAllText(Path.Combine(sys, "devices/region1/persistence_domain"), "cpu_cache\n");
            string[] mounts =
            [
                "1 0 8:1 / / rw - ext4 /dev/root rw",
                @"2 1 253:0 / /mnt/my\040scm rw,noatime shared:1 - xfs /dev/mapper/v rw,dax=always",
                "3 1 0:30 / /dev/shm rw - tmpfs tmpfs rw",
            ];
            Assert.Equal(PersistenceDomain.CpuCache, DomainDetection.Detect("/mnt/my scm/heap", true, sys, mounts).Domain);
            File.WriteAllText(Path.Combine(sys, "devices/region1/persistence_domain"), "memory_controller\n");
            Assert.Equal(PersistenceDomain.MemoryController, DomainDetection.Detect("/mnt/my scm/heap", true, sys, mounts).Domain);
            Assert.Equal(PersistenceDomain.MemoryController, DomainDetection.Detect("/home/heap", true, sys, mounts).Domain);
            Assert.Equal(PersistenceDomain.PageCache, DomainDetection.Detect("/mnt/my scm/heap", false, sys, mounts).Domain);
            Assert.Equal(PersistenceDomain.Volatile, DomainDetection.Detect("/dev/shm/heap", false, sys, mounts).Domain);
        }
        finally
        {
            Directory.Delete(sys, recursive: true);
        }
    }

    [Fact]
    public async Task A_backup_taken_under_load_is_a_consistent_heap()
    {
        using var test = new TestHeap(32 << 20, new ScmHeapOptions { LaneCount = 4, LogBytes = 64 << 10 });
        ScmHeap heap = test.Heap;
        PtrSpan<PtrSpan<long>> cells;
        using (Transaction tx = heap.Begin())
        {
            cells = tx.AllocSpan<PtrSpan<long>>(1000);
            tx.SetRoot("cells", cells.Start);
            tx.Commit();
        }

        using var stop = new CancellationTokenSource();
        using var isWriting = new ManualResetEventSlim();
        var writer = Task.Run(() =>
        {
            var random = new Random(1);
            for (long i = 1; !stop.IsCancellationRequested; i++)
            {
                // All cells of a pair carry the same number, in a block of their own each.
                int pair = random.Next(500) * 2;
                using Transaction tx = heap.Begin();
                for (int k = pair; k < pair + 2; k++)
                {
                    tx.Free(heap.Get(cells.Start.Element(k)));
                    tx.Write(cells.Start.Element(k), tx.AllocSpan<long>([i, i, i, i, i, i, i, i, i, i]));
                }

                tx.Commit();
                if (i == 100)
                {
                    isWriting.Set();
                }
            }
        });
        Assert.True(isWriting.Wait(TimeSpan.FromMinutes(2)), "the writer never got going");
        for (int i = 0; i < 3; i++)
        {
            File.Delete(test.Path + "-copy");
            heap.Backup(test.Path + "-copy");
            using ScmHeap copy = ScmHeap.Open(test.Path + "-copy", test.Options);
            Assert.Empty(copy.Check().Problems);
            Assert.True(copy.TryGetRoot("cells", out Ptr<PtrSpan<long>> found));
            for (int pair = 0; pair < 1000; pair += 2)
            {
                ReadOnlySpan<long> left = copy.Get(copy.Get(found.Element(pair)));
                ReadOnlySpan<long> right = copy.Get(copy.Get(found.Element(pair + 1)));
                Assert.True(left.SequenceEqual(right));
                Assert.True(left.IsEmpty || left.IndexOfAnyExcept(left[0]) < 0);
            }
        }

        await stop.CancelAsync();
        await writer;
    }

    [Fact]
    public void The_checker_finds_leaks_and_dangling_pointers()
    {
        using var test = new TestHeap();
        Ptr<Ptr<long>> root = test.Heap.Root<Ptr<long>>("root");
        Ptr<long> leaked;
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Write(root, tx.Alloc<long>());
            leaked = tx.Alloc<long>();
            tx.Commit();
        }

        HeapCheckResult result = Checker().Run();
        Assert.Contains($"0x{leaked.Offset:x}", Assert.Single(result.Problems), StringComparison.Ordinal);
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Free(leaked);
            tx.Commit();
        }

        result = Checker().Run();
        Assert.True(result.IsSound);
        Assert.Equal(2, result.ReachableBlocks);
        using (Transaction tx = test.Heap.Begin())
        {
            tx.Free(test.Heap.Get(root));
            tx.Commit();
        }

        Assert.Contains("no allocated block", Assert.Single(Checker().Run().Problems), StringComparison.Ordinal);

        HeapChecker Checker() => new HeapChecker(test.Heap).Register<Ptr<long>>("root", (heap, self, visit) => visit.Visit(heap.Get(self)));
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int descriptor);

    private static class Before
    {
        [StructLayout(LayoutKind.Sequential)]
        public struct Point
        {
            public int X;
            public int Y;
        }
    }

    private static class After
    {
        [StructLayout(LayoutKind.Sequential)]
        public struct Point
        {
            public int Y;
            public int X;
        }
    }
}
