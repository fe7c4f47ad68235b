namespace Cscm.Machine;

/// <summary>How a command in the machine ended: the exit code, 128 + signal if it was killed, 127 if it could not be started.</summary>
public sealed record ExecResult(string Command, int ExitCode, string Output, string Error)
{
    /// <exception cref="MachineException">The command failed; the message holds what it wrote.</exception>
    public ExecResult EnsureSuccess() => ExitCode == 0
        ? this
        : throw new MachineException($"in the machine, '{Command.Split('\n')[0]}' ended with {ExitCode}\n{Tail(Output)}\n{Tail(Error)}");

    /// <summary>The last lines, and the last command that a traced script ran ("+ …").</summary>
    private static string Tail(string text)
    {
        string[] lines = text.TrimEnd().Split('\n');
        string? command = lines.SkipLast(12).LastOrDefault(line => line.StartsWith('+'));
        return string.Join('\n', lines.TakeLast(12).Prepend(command ?? ""));
    }
}

/// <summary>The machine could not be started, or did not do what was asked.</summary>
public sealed class MachineException(string message, Exception? innerException = null) : Exception(message, innerException);
