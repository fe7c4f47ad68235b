using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
#if !NET10_0_OR_GREATER
using System.Runtime.Intrinsics.X86;
#endif
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

/// <summary>
/// Who may touch a collection: one writing transaction at a time, which holds it from its first operation until it has ended, and any
/// number of readers, which take no lock: they read versions before and after, and again if one was odd or has changed. Versions are odd
/// while home locations change, which is after the log's fence, so readers never wait for the medium. One per collection and open heap.
/// </summary>
internal sealed unsafe class CollectionGate : ITransactionParticipant
{
    private const int StripeCount = 256;
    private const int LockAt = 16;
    private const int StripesAt = 32;
    private static readonly ConditionalWeakTable<HeapCore, ConcurrentDictionary<long, CollectionGate>> s_gates = [];

    // Pinned: [0] the structure's version, [1] 1 while a writer's own reads differ from what is committed, [16] 1 while a writer is inside,
    // [32…] versions of parts.
    private readonly uint[] _versions = GC.AllocateArray<uint>(StripesAt + StripeCount, pinned: true);
    private readonly uint* _shared;
    // By number, not by reference, whose every store the collector has to note.
    private int _owner;
    private uint* _part;
    private bool _isStructural;
    private bool _isApplying;

    private CollectionGate()
    {
        _shared = (uint*)Marshal.UnsafeAddrOfPinnedArrayElement(_versions, 0);
    }

    /// <summary>An operation failed half-way inside a larger transaction, which therefore cannot commit.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>What the open transaction has changed.</summary>
    public NodeCopies Copies { get; } = new();

    public static CollectionGate Of(HeapCore core, long offset) =>
        s_gates.GetOrCreateValue(core).GetOrAdd(offset, static _ => new CollectionGate());

    // --- Writers ---

    /// <summary>Takes the gate for the context's transaction, unless it has it. Waits for the transaction that holds it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Enter(TransactionContext context)
    {
        if (_owner != context.Number)
        {
            if (Interlocked.CompareExchange(ref _shared[LockAt], 1, 0) != 0)
            {
                Wait(context);
            }

            _owner = context.Number;
            context.Enlist(this);
        }
        else if (IsBroken)
        {
            ThrowBroken(context);
        }
    }

    /// <summary>Takes the gate for an operation that is a transaction of its own and passes the context's machinery by, if nobody holds it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryHold() => Interlocked.CompareExchange(ref _shared[LockAt], 1, 0) == 0;

    /// <summary>Ends what <see cref="TryHold"/> began.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Release() => Volatile.Write(ref _shared[LockAt], 0);

    /// <summary>The holder changes home locations of this part from here on; give what this returns to <see cref="EndChange"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint* BeginChange(long offset)
    {
        uint* version = Stripe(offset);
        *version += 1;
        StoreStoreBarrier();
        return version;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void EndChange(uint* version) => Volatile.Write(ref *version, *version + 1);

    /// <summary>Takes the gate for a transaction of several operations.</summary>
    public void EnterLarger(TransactionContext context)
    {
        Enter(context);
        ChangeStructure();
    }

    public bool IsHeldBy(TransactionContext context) => _owner == context.Number;

    /// <summary>Says that only this part changes; readers of others go on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void ChangePart(long offset) => _part = Stripe(offset);

    /// <summary>Says that more than one part changes, or that further operations follow in the same transaction.</summary>
    public void ChangeStructure()
    {
        _isStructural = true;
        _shared[1] = 1;
    }

    /// <summary>Ends an operation that failed: alone it leaves no trace; as part of a transaction it dooms that one.</summary>
    public void Abort(TransactionContext context)
    {
        if (context.Depth > 1 && _owner == context.Number)
        {
            ChangeStructure();
            IsBroken = true;
        }

        context.Abort();
    }

    public void Applying()
    {
        _isApplying = true;
        uint* version = _isStructural ? _shared : _part;
        if (version != null)
        {
            *version += 1;
            StoreStoreBarrier();
        }
    }

    public void Ended()
    {
        if (_isApplying)
        {
            _isApplying = false;
            uint* version = _isStructural ? _shared : _part;
            if (version != null)
            {
                Volatile.Write(ref *version, *version + 1);
            }
        }

        _part = null;
        if (_isStructural)
        {
            _isStructural = false;
            _shared[1] = 0;
            IsBroken = false;
            Copies.Clear();
        }

        _owner = 0;
        Volatile.Write(ref _shared[LockAt], 0);
    }

    // --- Readers ---

    /// <summary>Whether the calling thread is inside a transaction that has changed the collection: it reads its own writes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsMine(HeapCore core) => Volatile.Read(ref _shared[1]) != 0 && IsMineNow(core);

    public uint StructureVersion
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Volatile.Read(ref *_shared);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint* Stripe(long offset) => _shared + StripesAt + (uint)(((ulong)offset * 0x9e3779b97f4a7c15) >> 56);

    /// <summary>Whether nothing has changed since the versions were read, both even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsUnchanged(uint structure, uint* stripe, uint part)
    {
        LoadLoadBarrier();
        return (((structure | part) & 1) == 0) & (*stripe == part) & (*_shared == structure);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsUnchanged(uint structure)
    {
        LoadLoadBarrier();
        return ((structure & 1) == 0) & (*_shared == structure);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void LoadLoadBarrier()
    {
#if NET10_0_OR_GREATER
        Volatile.ReadBarrier();
#else
        if (!X86Base.IsSupported)
        {
            Interlocked.MemoryBarrier();
        }
#endif
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreStoreBarrier()
    {
#if NET10_0_OR_GREATER
        Volatile.WriteBarrier();
#else
        if (!X86Base.IsSupported)
        {
            Interlocked.MemoryBarrier();
        }
#endif
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool IsMineNow(HeapCore core) => Volatile.Read(ref _owner) == core.Context.Number;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Wait(TransactionContext context)
    {
        var spinner = default(SpinWait);
        do
        {
            spinner.SpinOnce();
            context.Core.ThrowIfUnusable();
        }
        while (Volatile.Read(ref _shared[LockAt]) != 0 || Interlocked.CompareExchange(ref _shared[LockAt], 1, 0) != 0);
    }

    private static void ThrowBroken(TransactionContext context) =>
        throw context.Core.Misuse(0, "an operation of this transaction failed, so it can only be aborted", "Dispose the transaction and begin another");
}
