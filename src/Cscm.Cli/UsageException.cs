namespace Cscm.Cli;

/// <summary>The user asked for something that cannot be; the message says what to change. Printed without a stack.</summary>
internal sealed class UsageException(string message) : Exception(message);
