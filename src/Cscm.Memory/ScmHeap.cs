using System.Runtime.CompilerServices;
using Cscm.Memory.Allocation;
using Cscm.Memory.Log;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;
using Cscm.Memory.Native;

namespace Cscm.Memory;

/// <summary>
/// A persistent heap in a file, a directory's default file or a device-dax node. Thread-safe; transactions belong to the thread that
/// began them, and threads that change the same data agree on a lock of their own, held until commit. Disposing while other
/// threads use the heap or references into it is a programming error that can end the process.
/// </summary>
public sealed unsafe partial class ScmHeap : IDisposable
{
    /// <summary>The file used when a directory is given.</summary>
    public const string DefaultFileName = "heap.scm";

    private readonly HeapCore _core;
    private readonly ScmHeapOptions _options;
    private readonly string _domainReason;
    private readonly Lock _growthGate = new();
    private Superblock _superblock;

    private ScmHeap(HeapCore core, ScmHeapOptions options, in Superblock superblock, PersistenceDomain domain, string domainReason)
    {
        Domain = domain;
        _core = core;
        _options = options;
        _superblock = superblock;
        _domainReason = domainReason;
    }

    public string Path => _core.Name;

    public Guid Id => _superblock.HeapId;

    public long SizeBytes => _core.Geometry.SizeBytes;

    public bool IsReadOnly => _core.IsReadOnly;

    /// <summary>Of the medium; opened read-only, what it is for those who write.</summary>
    public PersistenceDomain Domain { get; }

    /// <summary>Transactions that the last open replayed.</summary>
    public long ReplayedCount { get; private set; }

    internal HeapCore Core => _core;

    /// <summary>Creates a heap. On a device of fixed size, <paramref name="sizeBytes"/> 0 means all of it.</summary>
    /// <exception cref="ScmMisuseException">A heap exists here already, or the sizes are out of range.</exception>
    public static ScmHeap Create(string path, long sizeBytes, ScmHeapOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ScmHeapOptions();
        string file = FileOf(path);
        if (sizeBytes != 0 && sizeBytes < MediaLayout.MinHeapBytes)
        {
            throw new ScmMisuseException(file, -1, $"{sizeBytes} bytes are too few for a heap", $"Give at least {MediaLayout.MinHeapBytes}");
        }

        bool existed = File.Exists(file);
        HeapMapping mapping = HeapMapping.Open(file, create: true, isReadOnly: false, sizeBytes, options.Preallocate, options.ReservedAddressBytes);
        try
        {
            (MediumPort medium, _) = MediumOf(mapping, options);
            if (HeapFormat.HoldsHeap(medium, mapping.SizeBytes))
            {
                throw new ScmMisuseException(file, 0, "a heap exists here already", "Open it, or delete it first");
            }

            HeapFormat.Create(file, medium, sizeBytes == 0 ? mapping.SizeBytes : sizeBytes, options);
            return OpenMapped(mapping, options, isReadOnly: false);
        }
        catch (Exception failure)
        {
            mapping.Dispose();
            // Only what this call made is taken away again.
            if (!existed && failure is not ScmHeapInUseException)
            {
                File.Delete(file);
            }

            throw;
        }
    }

    /// <summary>
    /// Opens a heap, recovering it if it was not closed. Read-only shares it with other readers: committed but not yet
    /// checkpointed transactions are seen, and the medium is not touched.
    /// </summary>
    public static ScmHeap Open(string path, ScmHeapOptions? options = null, bool readOnly = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ScmHeapOptions();
        HeapMapping mapping = HeapMapping.Open(FileOf(path), create: false, readOnly, 0, preallocate: false, options.ReservedAddressBytes);
        try
        {
            return OpenMapped(mapping, options, readOnly);
        }
        catch
        {
            mapping.Dispose();
            throw;
        }
    }

    /// <summary>Opens the heap, or creates it with this size where there is none, or one whose creation was cut short.</summary>
    public static ScmHeap OpenOrCreate(string path, long sizeBytes, ScmHeapOptions? options = null)
    {
        ulong first = FirstWord(FileOf(path));
        if (first == 0)
        {
            return Create(path, sizeBytes, options);
        }

        try
        {
            return Open(path, options);
        }
        catch (ScmMismatchException) when (first == MediaLayout.CreationMagic)
        {
            return Create(path, sizeBytes, options);
        }
    }

    /// <summary>Begins a transaction on this thread, or joins the one it is in.</summary>
    public Transaction Begin()
    {
        Transactions.TransactionContext context = _core.Context;
        context.Begin();
        return new Transaction(context);
    }

    /// <summary>The committed object at this address. Valid until the heap is closed; changes under commits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ref readonly T Get<T>(Ptr<T> pointer)
        where T : unmanaged
    {
        _core.CheckRange(pointer.Offset, sizeof(T));
        return ref Unsafe.AsRef<T>(_core.Start + pointer.Offset);
    }

    /// <summary>The committed elements.</summary>
    public ReadOnlySpan<T> Get<T>(PtrSpan<T> span)
        where T : unmanaged
    {
        if (span.Length == 0)
        {
            return default;
        }

        int length = CheckSpan(span);
        return new ReadOnlySpan<T>(_core.Start + span.Start.Offset, length);
    }

    /// <summary>
    /// Memory of the heap to be written directly, without transaction or log: for bulk data whose consistency the caller keeps, and for
    /// reserved blocks. Durable after <see cref="Persist{T}"/>. The first call after opening makes a checkpoint; from then on a transaction
    /// that brings more than 8 KiB of new blocks costs a second fence.
    /// </summary>
    public Span<T> GetUnlogged<T>(PtrSpan<T> span)
        where T : unmanaged
    {
        _core.ThrowIfUnusable(forWriting: true);
        _core.PrepareUnlogged();
        return span.Length == 0 ? default : new Span<T>(_core.Start + span.Start.Offset, CheckSpan(span));
    }

    /// <summary>
    /// Makes what was written through <see cref="GetUnlogged{T}"/> durable, against the replay of earlier transactions too: where there were any since the last
    /// checkpoint, it makes one.
    /// </summary>
    public void Persist<T>(PtrSpan<T> span)
        where T : unmanaged
    {
        _core.ThrowIfUnusable(forWriting: true);
        if (span.Length > 0)
        {
            long bytes = CheckSpan(span) * (long)sizeof(T);
            byte* start = _core.Start + span.Start.Offset;
            _core.Medium.StoredUnseen(PersistSite.StoreNewBlock, start, bytes);
            _core.Medium.WriteBack(PersistSite.WriteBackNewBlock, start, bytes);
            _core.Medium.Fence(PersistSite.FenceCommit, span.Start.Offset, bytes);
            if (_core.Medium.Keeps(PersistSite.SealPersisted))
            {
                // A record that is still in the log may hold what these bytes were before: recovery would bring that back.
                _core.Checkpointer.MovePast(_core.Log.Sequence);
            }
        }
    }

    /// <summary>
    /// Takes a block for this process only, without logging or fence: after a crash it is free again. Initialise it, then
    /// <see cref="Transaction.Publish{T}"/> it together with whatever refers to it, or <see cref="Cancel{T}"/>.
    /// </summary>
    public Ptr<T> Reserve<T>(long sizeBytes, long alignment = 16)
        where T : unmanaged
    {
        _core.ThrowIfUnusable(forWriting: true);
        return new Ptr<T>(_core.Allocate(_core.Context.Cache, sizeBytes, alignment).Offset);
    }

    /// <summary>Gives a reserved block back.</summary>
    public void Cancel<T>(Ptr<T> reserved)
        where T : unmanaged
    {
        _core.ThrowIfUnusable(forWriting: true);
        Block block = FindBlock(reserved.Offset);
        if (IsAllocated(block))
        {
            throw _core.Misuse(reserved.Offset, "the block is published, not reserved", "Free it in a transaction");
        }

        if (block.Run.IsFree(block.Index))
        {
            throw _core.Misuse(reserved.Offset, "the block is free, not reserved", "Cancel a block once, after Reserve");
        }

        _core.Allocator.Return(_core.Context.Cache, block);
    }

    /// <summary>The bytes usable behind a block's pointer: at least what was asked for.</summary>
    public long UsableBytes<T>(Ptr<T> block)
        where T : unmanaged
    {
        _core.ThrowIfUnusable();
        return FindBlock(block.Offset).SizeBytes;
    }

    /// <summary>Writes every home location back and empties the log; commits are durable without it.</summary>
    public void Checkpoint()
    {
        _core.ThrowIfUnusable(forWriting: true);
        _core.Checkpointer.RunNow();
    }

    public void Dispose() => _core.Dispose();

    internal static bool IsAllocated(in Block block) => block.Run.IsAllocated(block.Index);

    private static string FileOf(string path) =>
        Directory.Exists(path) ? System.IO.Path.Combine(path, DefaultFileName) : path;

    /// <summary>Zero where there is no file, or nothing in it.</summary>
    private static ulong FirstWord(string file)
    {
        ulong first = 0;
        if (MediumSize.IsDeviceDax(file))
        {
            using HeapMapping mapping = HeapMapping.Open(file, create: false, isReadOnly: false, 0, preallocate: false, 0);
            mapping.RequireReadable(0, sizeof(ulong));
            first = *(ulong*)mapping.Start;
        }
        else if (File.Exists(file))
        {
            using FileStream stream = File.Open(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            _ = stream.ReadAtLeast(new Span<byte>(&first, sizeof(ulong)), sizeof(ulong), throwOnEndOfStream: false);
        }

        return first;
    }

    private static (MediumPort Medium, string Reason) MediumOf(HeapMapping mapping, ScmHeapOptions options)
    {
        (PersistenceDomain domain, string reason) = DomainDetection.Detect(mapping, options);
        return (new MediumPort(mapping.Path, mapping.Start, mapping.Descriptor, domain, options.Recorder), reason);
    }

    private static ScmHeap OpenMapped(HeapMapping mapping, ScmHeapOptions options, bool isReadOnly)
    {
        (MediumPort medium, string reason) = MediumOf(mapping, options);
        PersistenceDomain domain = medium.Domain;
        mapping.RequireReadable(0, Math.Min(mapping.SizeBytes, MediaLayout.LogStart));
        if (isReadOnly)
        {
            // Replay goes to private pages; there is nothing to make durable.
            medium = new MediumPort(mapping.Path, mapping.Start, mapping.Descriptor, PersistenceDomain.Volatile, options.Recorder);
        }

        Superblock superblock = HeapFormat.ReadSuperblock(medium, mapping.SizeBytes, out RegionRecord[] regions);
        mapping.RequireReadable(superblock.LogOffset, superblock.LaneCount * superblock.LaneBytes);
        foreach (RegionRecord region in regions)
        {
            mapping.RequireReadable(region.HeadersOffset, region.DataOffset - region.HeadersOffset);
        }

        var core = new HeapCore(mapping, medium, superblock, new HeapGeometry(regions, superblock.SizeBytes), isReadOnly);
        try
        {
            var heap = new ScmHeap(core, options, superblock, domain, reason) { ReplayedCount = Recovery.Replay(core) };
            ChunkScanner.Rebuild(core);
            if (!isReadOnly)
            {
                heap.Upgrade();
            }

            if (!isReadOnly && options.BackgroundCheckpoints && options.Recorder is null)
            {
                core.Checkpointer.Start();
            }

            return heap;
        }
        catch
        {
            core.Log.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A heap of an earlier minor version: recovery has emptied its log, so the superblock may say now what later records will hold.
    /// </summary>
    private void Upgrade()
    {
        if (_superblock.IncompatibleFeatures != HeapFeatures.Known)
        {
            Superblock upgraded = _superblock;
            upgraded.IncompatibleFeatures = HeapFeatures.Known;
            upgraded.MinorVersion = Math.Max(upgraded.MinorVersion, MediaLayout.MinorVersion);
            upgraded.Generation++;
            HeapFormat.WriteSuperblock(_core.Medium, upgraded, _core.Geometry.Records());
            _superblock = upgraded;
        }
    }

    private Block FindBlock(long offset) =>
        _core.Allocator.TryFind(offset, out Block block)
            ? block
            : throw _core.Misuse(offset, "no block starts here", "Give the pointer that the allocation returned");

    private int CheckSpan<T>(PtrSpan<T> span)
        where T : unmanaged
    {
        if (span.Length is < 0 or > int.MaxValue)
        {
            throw _core.Misuse(span.Start.Offset, $"{span.Length} elements do not fit in a span", "Take slices of it");
        }

        _core.CheckRange(span.Start.Offset, span.Length * sizeof(T));
        return (int)span.Length;
    }
}
