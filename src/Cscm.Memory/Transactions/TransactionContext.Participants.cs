namespace Cscm.Memory.Transactions;

/// <summary>The collections that take part in the present transaction.</summary>
internal sealed partial class TransactionContext
{
    private readonly List<ITransactionParticipant> _furtherParticipants = [];
    private ITransactionParticipant? _participant;
    private int _participantCount;

    /// <summary>Has the participant called at the end of the present transaction. Once per transaction and participant.</summary>
    public void Enlist(ITransactionParticipant participant)
    {
        // Usually there is one, whose collection this is a single operation of, and the same as before: no store of a reference then.
        if (_participantCount++ != 0)
        {
            _furtherParticipants.Add(participant);
        }
        else if (!ReferenceEquals(_participant, participant))
        {
            _participant = participant;
        }
    }

    private void TellParticipants()
    {
        _participant!.Applying();
        for (int i = 0; i < _participantCount - 1; i++)
        {
            _furtherParticipants[i].Applying();
        }
    }

    private void EndParticipants()
    {
        // Last of all: another thread may go on as soon as a participant has released its lock. The latest first.
        if (_participantCount > 1)
        {
            for (int i = _furtherParticipants.Count - 1; i >= 0; i--)
            {
                _furtherParticipants[i].Ended();
            }

            _furtherParticipants.Clear();
        }

        _participantCount = 0;
        _participant!.Ended();
    }
}
