namespace Cscm.Csi.Hosting;

/// <summary>The user asked for something that cannot be; the message says what to change. Printed without a stack.</summary>
public sealed class UsageException(string message) : Exception(message);
