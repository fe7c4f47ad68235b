namespace Cscm.Memory.Medium;

/// <summary>
/// Every place of the library that stores to the medium, makes stores durable or checks what it reads: the names by which the
/// recording domain drops one of them, to prove that the crash tests notice. Names are stable.
/// </summary>
internal enum PersistSite
{
    // Stores. Dropping these is not a mutation: the names only label events.
    StoreHome,
    StoreNewBlock,
    StoreRecord,
    StorePad,
    StoreOverflow,
    StoreCheckpoint,
    StoreSuperblock,
    StoreFormat,

    // Write-backs of cached stores.
    WriteBackNewBlock,
    WriteBackHomes,
    WriteBackRecoveredHomes,
    WriteBackFormat,

    /// <summary>That a checkpoint forgets which lines the one before wrote back: they have changed since.</summary>
    ForgetWrittenBack,

    // What handing out memory that is written without records begins with.

    /// <summary>That the horizon passes the records whose new blocks have checksums.</summary>
    SealBeforeUnlogged,

    /// <summary>That later new blocks get none.</summary>
    NoteUnlogged,

    /// <summary>That the horizon passes the records that may write to what was persisted without one.</summary>
    SealPersisted,

    /// <summary>That a checkpoint ends the lanes' claims to numbers below its horizon.</summary>
    EndClaims,

    // Fences (on page-cache media: the fsync in the same place).
    FenceCommit,
    FenceNewBlocks,
    FenceHomes,
    FenceCheckpoint,
    FenceRecoveredHomes,
    FenceRecoveryCheckpoint,
    FenceFormat,
    FenceSuperblock,

    // Checks on reading.
    ChecksumRecord,
    ChecksumOverflow,
    ChecksumCheckpoint,
    ChecksumSuperblock,
    ChecksumChunk,
    ChecksumRoot,

    /// <summary>That recovery looks whether the new blocks of a lane's last record arrived.</summary>
    ChecksumNewBlock,

    /// <summary>That recovery takes later records that write to such blocks as proof that they had.</summary>
    ProofByLaterRecord,
    SaltLap,
}
