namespace Cscm.Storage.Pools.Xfs;

/// <summary>Numbers for quota projects that nothing on the medium has. Thread-safe.</summary>
internal sealed class ProjectIds
{
    /// <summary>Zero is everybody's; small ones are what administrators choose by hand.</summary>
    private const uint First = 100_000;

    private readonly Lock _lock = new();
    private readonly HashSet<uint> _taken = [];
    private uint _next = First;

    public uint Take()
    {
        lock (_lock)
        {
            while (!_taken.Add(_next))
                _next = _next < uint.MaxValue - 1 ? _next + 1 : First;
            return _next++;
        }
    }

    public void Adopt(uint id)
    {
        lock (_lock)
            _taken.Add(id);
    }

    public void Release(uint id)
    {
        lock (_lock)
            _taken.Remove(id);
    }
}
