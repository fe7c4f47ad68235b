using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cscm.Memory.Medium;

/// <summary>
/// The only way to the medium: every store, write-back and fence of the library goes through here, for the domain the heap has.
/// A recorder may look on; without one each call pays a predicted branch on a field that never changes.
/// </summary>
internal sealed unsafe class MediumPort
{
    /// <summary>Words that were just stored are loaded one by one: a wider load would wait until its stores have left the store queue, behind a fence.</summary>
    private const long FewLinesBytes = 2 * CacheLines.Size;

    private readonly IMediumRecorder? _recorder;
    private readonly bool _streams;
    private readonly bool _writesBack;
    private readonly bool _fences;
    private readonly bool _syncs;
    private readonly GroupSync? _sync;

    public MediumPort(string name, byte* start, int fd, PersistenceDomain domain, IMediumRecorder? recorder)
    {
        Name = name;
        Start = start;
        Domain = domain;
        _recorder = recorder;
        _streams = domain == PersistenceDomain.MemoryController && Avx.IsSupported;
        _writesBack = domain == PersistenceDomain.MemoryController;
        _fences = domain is PersistenceDomain.MemoryController or PersistenceDomain.CpuCache;
        _syncs = domain == PersistenceDomain.PageCache || (_writesBack && !CacheLines.IsSupported);
        if (_syncs)
        {
            _sync = new GroupSync(name, start, fd);
            _writesBack = false;
        }

        MayFail = _syncs || recorder is { MayThrow: true };
    }

    public string Name { get; }

    public byte* Start { get; }

    public PersistenceDomain Domain { get; }

    /// <summary>Whether cached stores become durable by line write-back (and so have to be tracked by the checkpointer).</summary>
    public bool WritesBackLines => _writesBack;

    /// <summary>Whether making something durable may throw: it takes a system call, or a recorder may throw.</summary>
    public bool MayFail { get; }

    public bool IsRecorded => _recorder is not null;

    public long SyncCount => _sync?.Count ?? 0;

    /// <summary>Whether a check on reading is made. Only a recording domain ever says no.</summary>
    public bool Keeps(PersistSite site) => _recorder is null || _recorder.Keeps(site);

    /// <summary>One aligned eight-byte store: never torn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(PersistSite site, byte* target, ulong value)
    {
        *(ulong*)target = value;
        if (_recorder is not null)
        {
            Record(site, target, sizeof(ulong));
        }
    }

    /// <summary>Cached stores.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(PersistSite site, byte* target, byte* source, long lengthBytes)
    {
        Buffer.MemoryCopy(source, target, lengthBytes, lengthBytes);
        if (_recorder is not null)
        {
            Record(site, target, lengthBytes);
        }
    }

    public void Clear(PersistSite site, byte* target, long lengthBytes)
    {
        NativeClear(target, lengthBytes);
        if (_recorder is not null)
        {
            Record(site, target, lengthBytes);
        }
    }

    /// <summary>Reports stores that were made with interlocked instructions, or through a reference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Stored(PersistSite site, byte* target, long lengthBytes)
    {
        if (_recorder is not null)
        {
            Record(site, target, lengthBytes);
        }
    }

    /// <summary>Reports that the caller was free to store here through a reference.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoredUnseen(PersistSite site, byte* target, long lengthBytes)
    {
        if (_recorder is not null)
        {
            _recorder.StoredUnseen(site, target - Start, new ReadOnlySpan<byte>(target, checked((int)lengthBytes)));
        }
    }

    /// <summary>
    /// Copies whole lines past the cache where the domain gains by it. Both ends 64-byte multiples; durable at the next fence.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Stream(PersistSite site, byte* target, byte* source, long lengthBytes)
    {
        if (_streams)
        {
            byte* end = target + lengthBytes;
            if (lengthBytes <= FewLinesBytes)
            {
                for (; target < end; target += CacheLines.Size, source += CacheLines.Size)
                {
                    ulong* word = (ulong*)source;
                    Vector256.Create(word[0], word[1], word[2], word[3]).StoreAlignedNonTemporal((ulong*)target);
                    Vector256.Create(word[4], word[5], word[6], word[7]).StoreAlignedNonTemporal((ulong*)target + 4);
                }
            }

            for (; target < end; target += CacheLines.Size, source += CacheLines.Size)
            {
                Vector256<byte> low = Vector256.Load(source);
                Vector256<byte> high = Vector256.Load(source + 32);
                low.StoreAlignedNonTemporal(target);
                high.StoreAlignedNonTemporal(target + 32);
            }
        }
        else
        {
            Buffer.MemoryCopy(source, target, lengthBytes, lengthBytes);
            target += lengthBytes;
            if (_writesBack)
            {
                CacheLines.WriteBack(target - lengthBytes, lengthBytes);
            }
        }

        if (_recorder is not null)
        {
            RecordStream(site, target - lengthBytes, lengthBytes);
        }
    }

    /// <summary>Starts the write-back of every line of the range, where the domain needs it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteBack(PersistSite site, byte* start, long lengthBytes)
    {
        if (_writesBack)
        {
            if (_recorder is not null && !RecordWriteBack(site, start, lengthBytes))
            {
                return;
            }

            CacheLines.WriteBack(start, lengthBytes);
        }
    }

    /// <summary>
    /// Makes everything this thread streamed and wrote back durable. On page-cache media syncs the given range (length 0: the whole
    /// file), sharing the call with other threads. Throws <see cref="ScmFailedException"/> when the medium refuses.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fence(PersistSite site, long offsetBytes = 0, long lengthBytes = 0)
    {
        long uncounted = 0;
        Fence(site, ref uncounted, offsetBytes, lengthBytes);
    }

    /// <summary>As above, and counts the fence where no other thread counts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Fence(PersistSite site, ref long count, long offsetBytes, long lengthBytes)
    {
        if (_recorder is not null && !_recorder.Keeps(site))
        {
            return;
        }

        // Counted before: few stores may follow the fence, see TransactionContext.Direct.
        count++;
        if (_fences && Sse.IsSupported)
        {
            Sse.StoreFence();
        }
        else
        {
            FenceOtherwise(offsetBytes, lengthBytes);
        }

        _recorder?.Fenced(site, offsetBytes, lengthBytes);
    }

    private void FenceOtherwise(long offsetBytes, long lengthBytes)
    {
        Interlocked.MemoryBarrier();
        if (_syncs)
        {
            _sync!.Sync(offsetBytes, lengthBytes);
        }
    }

    private static void NativeClear(byte* target, long lengthBytes) =>
        System.Runtime.InteropServices.NativeMemory.Clear(target, (nuint)lengthBytes);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Record(PersistSite site, byte* target, long lengthBytes) =>
        _recorder!.Stored(site, target - Start, new ReadOnlySpan<byte>(target, checked((int)lengthBytes)));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RecordStream(PersistSite site, byte* target, long lengthBytes)
    {
        var content = new ReadOnlySpan<byte>(target, checked((int)lengthBytes));
        if (_writesBack)
        {
            _recorder!.Streamed(site, target - Start, content);
        }
        else
        {
            _recorder!.Stored(site, target - Start, content);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool RecordWriteBack(PersistSite site, byte* start, long lengthBytes)
    {
        if (!_recorder!.Keeps(site))
        {
            return false;
        }

        _recorder.WroteBack(site, start - Start, lengthBytes);
        return true;
    }
}
