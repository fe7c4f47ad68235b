namespace Cscm.Memory.Transactions;

/// <summary>
/// What a collection does around a transaction's end: warn its readers while home locations change, release its lock afterwards.
/// Called on the transaction's thread, whether one operation or many were in it. Must not throw.
/// </summary>
internal interface ITransactionParticipant
{
    /// <summary>The record is durable; home locations change next. Not called when nothing was written, or on an abort.</summary>
    public void Applying();

    /// <summary>The transaction has ended, either way.</summary>
    public void Ended();
}
