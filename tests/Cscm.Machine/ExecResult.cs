namespace Cscm.Machine;

/// <summary>How a command in the machine ended: the exit code, 128 + signal if it was killed, 127 if it could not be started.</summary>
public sealed record ExecResult(string Command, int ExitCode, string Output, string Error)
{
    /// <exception cref="MachineException">The command failed; the message holds what it wrote.</exception>
    public ExecResult EnsureSuccess() => ExitCode == 0
        ? this
        : throw new MachineException($"in the machine, '{Command}' ended with {ExitCode}\n{Output}{Error}");
}

/// <summary>The machine could not be started, or did not do what was asked.</summary>
public sealed class MachineException(string message, Exception? innerException = null) : Exception(message, innerException);
