using Cscm.Storage.Pools;

namespace Cscm.Storage.Erase;

/// <summary>Space of something removed that has yet to be zeroed and given back.</summary>
/// <param name="Id">Its name in the pool's trash; unique in the pool, and never an object's key.</param>
/// <param name="SizeBytes">What the pool stays charged for it until it is erased.</param>
/// <param name="Region">The medium it is on: items of one region are erased one after the other, of different regions in parallel.</param>
internal sealed record ErasableItem(string Id, long SizeBytes, string Region);

/// <summary>
/// A pool that gives its medium's bytes from one owner to the next, and so has to zero them in between. Its
/// <see cref="IScmPool.Remove"/> moves what is removed into a trash on the medium itself, by one atomic act that takes milliseconds;
/// the trash is the queue, and outlives any process. Nothing in it takes part in anything else.
/// </summary>
internal interface IErasingPool : IScmPool
{
    /// <summary>What is in the trash now, the oldest first.</summary>
    public IReadOnlyList<ErasableItem> FindErasable();

    /// <summary>
    /// Zeroes an item and gives its space back; one that is not there any more is done. Can be repeated after it was cut off anywhere.
    /// Holds no lock that a call on a volume waits for.
    /// </summary>
    /// <param name="item">One that <see cref="FindErasable"/> or <see cref="IScmPool.Remove"/> returned.</param>
    /// <param name="pace">Asked before every chunk of zeros.</param>
    /// <exception cref="OperationCanceledException">The driver stops.</exception>
    public void Erase(ErasableItem item, ErasePace pace);
}
