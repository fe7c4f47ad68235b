namespace Cscm.Storage.Pools;

/// <summary>
/// Who is charged how much of a pool. A charge is made before the intent is recorded and dropped after the last trace of the object
/// is gone, so the sum never understates what the medium holds. Thread-safe.
/// </summary>
/// <param name="sizeBytes">The pool's share.</param>
/// <param name="mediumFreeBytes">What the medium itself still has; it bounds the pool too.</param>
internal sealed class Ledger(long sizeBytes, Func<long> mediumFreeBytes)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Charge> _charges = new(StringComparer.Ordinal);
    private long _chargedBytes;
    private long _unallocatedBytes;

    /// <summary>The share, whatever the medium has.</summary>
    public long TotalBytes => sizeBytes;

    /// <summary>What the pool can hold in all: its share, or what the medium has of it.</summary>
    public long CapacityBytes
    {
        get
        {
            lock (_lock)
                return Math.Min(sizeBytes, _chargedBytes + Math.Max(0, FreeUnderLock()));
        }
    }

    public long FreeBytes
    {
        get
        {
            lock (_lock)
                return Math.Max(0, FreeUnderLock());
        }
    }

    /// <summary>Charges an object, or raises its charge, to a sum of bytes; false, and nothing changed, if that much is not free.</summary>
    public bool TryCharge(string key, long toBytes)
    {
        lock (_lock)
        {
            Charge old = _charges.GetValueOrDefault(key);
            long moreBytes = toBytes - old.Bytes;
            if (moreBytes > 0 && moreBytes > FreeUnderLock())
                return false;
            Set(key, new Charge(toBytes, old.UnallocatedBytes + moreBytes));
            return true;
        }
    }

    /// <summary>Charges what exists already, even if the pool has been made smaller than its volumes.</summary>
    public void Adopt(string key, long bytes)
    {
        lock (_lock)
            Set(key, new Charge(bytes, 0));
    }

    /// <summary>The medium has given what the object is charged: its free space shows it from now on.</summary>
    public void MarkAllocated(string key)
    {
        lock (_lock)
        {
            if (_charges.TryGetValue(key, out Charge charge))
                Set(key, charge with { UnallocatedBytes = 0 });
        }
    }

    public void Release(string key)
    {
        lock (_lock)
        {
            Set(key, default);
            _charges.Remove(key);
        }
    }

    private long FreeUnderLock() => Math.Min(sizeBytes - _chargedBytes, mediumFreeBytes() - _unallocatedBytes);

    private void Set(string key, Charge charge)
    {
        Charge old = _charges.GetValueOrDefault(key);
        _chargedBytes += charge.Bytes - old.Bytes;
        _unallocatedBytes += charge.UnallocatedBytes - old.UnallocatedBytes;
        _charges[key] = charge;
    }

    private readonly record struct Charge(long Bytes, long UnallocatedBytes);
}
