namespace Cscm.Memory.Allocation;

/// <summary>Batches in the order they came, linked through themselves: takes no managed memory. Thread-safe.</summary>
internal sealed class BatchQueue
{
    private readonly Lock _gate = new();
    private QuarantineBatch? _first;
    private QuarantineBatch? _last;
    private int _count;

    public int Count => Volatile.Read(ref _count);

    public void Enqueue(QuarantineBatch batch)
    {
        lock (_gate)
        {
            batch.Next = null;
            if (_last is null)
            {
                _first = batch;
            }
            else
            {
                _last.Next = batch;
            }

            _last = batch;
            _count++;
        }
    }

    /// <summary>The first, if no number in it is higher than this one.</summary>
    public QuarantineBatch? TryDequeue(ulong upTo = ulong.MaxValue)
    {
        if (Volatile.Read(ref _first) is null)
        {
            return null;
        }

        lock (_gate)
        {
            QuarantineBatch? batch = _first;
            if (batch is null || batch.Sequence > upTo)
            {
                return null;
            }

            _first = batch.Next;
            if (_first is null)
            {
                _last = null;
            }

            _count--;
            return batch;
        }
    }
}
