namespace Cscm.Storage;

/// <summary>What kind of refusal a <see cref="StorageException"/> is. Each maps to one gRPC code of the same meaning.</summary>
public enum StorageErrorKind
{
    /// <summary>A fault of ours or of the machine that no other kind fits.</summary>
    Internal,
    InvalidArgument,
    NotFound,

    /// <summary>The name or path is taken by something incompatible with the request.</summary>
    AlreadyExists,

    /// <summary>A size or page token lies outside what can exist.</summary>
    OutOfRange,

    /// <summary>Enough space, inodes or devices do not exist now.</summary>
    ResourceExhausted,

    /// <summary>The thing is in a state in which the call cannot be carried out.</summary>
    FailedPrecondition,

    /// <summary>Another call on the same volume or snapshot is in flight.</summary>
    Aborted,

    /// <summary>The pool or its device cannot be reached now.</summary>
    Unavailable,

    /// <summary>State or content is damaged.</summary>
    DataLoss,
    Unimplemented,
}

/// <summary>
/// The one exception that this library throws on purpose. The message names the thing, says what is wrong, and what to do;
/// it never holds a secret.
/// </summary>
public sealed class StorageException : Exception
{
    public StorageException(StorageErrorKind kind, string message, Exception? innerException = null)
        : base(OneLine(message), innerException) => Kind = kind;

    public StorageErrorKind Kind { get; }

    /// <summary>Names and ids are the caller's, and may hold anything; messages end up in logs, a line each.</summary>
    private static string OneLine(string message)
        => message.AsSpan().ContainsAnyInRange('\0', '\u001f') ? string.Create(message.Length, message, (line, text) =>
        {
            for (int i = 0; i < line.Length; i++)
                line[i] = text[i] < ' ' ? ' ' : text[i];
        }) : message;
}
