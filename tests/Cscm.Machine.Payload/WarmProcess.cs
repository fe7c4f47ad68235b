using System.Runtime.InteropServices;
using System.Text;

namespace Cscm.Machine.Payload;

/// <summary>
/// A process that has started .NET and run a program's common paths, and waits to be it: tests/vm/guest/program.c asks it to. It is used once.
/// </summary>
internal static partial class WarmProcess
{
    /// <summary>As inherited: the socket to wait at, and the pipe to say so on.</summary>
    private const int Listener = 3, Ready = 4;

    private const int CloseOnExec = 1, Async = 0x2000, SetDescriptorFlags = 2, SetFlags = 4, SetOwner = 8, SetSignal = 10, Kill = 9;
    private const long PidfdOpen = 434, PidfdGetDescriptor = 438;

    public static int Run(string program)
    {
        foreach (int descriptor in new[] { Listener, Ready })
            Check(Control(descriptor, SetDescriptorFlags, CloseOnExec), "keep the socket to itself");
        WarmUp.Run(program);
        byte ready = 1;
        Check(Write(Ready, ref ready, 1), "say that it waits");
        Close(Ready);
        int peer = Check(Accept(Listener, 0, 0), "wait for a program");
        Close(Listener);
        return BeWhatIsAsked(peer);
    }

    private static int BeWhatIsAsked(int peer)
    {
        int asking = 0, self = Environment.ProcessId;
        if (Read(peer, ref asking, sizeof(int)) != sizeof(int))
            return 1;
        // Whoever kills the one that asked kills this process and its children: the kernel sends the signal when the socket is closed.
        Check(Control(peer, SetDescriptorFlags, CloseOnExec), "keep the socket to itself");
        Check(Control(peer, SetOwner, -self), "own the socket's signals");
        Check(Control(peer, SetSignal, Kill), "choose the socket's signal");
        Check(Control(peer, SetFlags, Async), "ask for the socket's signals");

        string[] arguments = ReadStrings($"/proc/{asking}/cmdline");
        TakeEnvironment(ReadStrings($"/proc/{asking}/environ"));
        Directory.SetCurrentDirectory(File.ResolveLinkTarget($"/proc/{asking}/cwd", returnFinalTarget: false)!.FullName);
        int process = Check((int)SystemCall(PidfdOpen, asking, 0, 0), "open the process that asks");
        for (int stream = 0; stream <= 2; stream++)
        {
            int descriptor = Check((int)SystemCall(PidfdGetDescriptor, process, stream, 0), "take over a standard stream");
            Check(Duplicate(descriptor, stream), "take over a standard stream");
            Close(descriptor);
        }
        Close(process);
        Console.SetIn(new StreamReader(Console.OpenStandardInput()));
        Console.SetOut(new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true });
        Console.SetError(new StreamWriter(Console.OpenStandardError()) { AutoFlush = true });
        Check(Write(peer, ref self, sizeof(int)), "answer");

        int code = Programs.Run(Path.GetFileName(arguments[0]), arguments[1..]);
        Check(Write(peer, ref code, sizeof(int)), "tell the exit code");
        return code;
    }

    private static string[] ReadStrings(string path) => Encoding.UTF8.GetString(File.ReadAllBytes(path)).Split('\0')[..^1];

    private static void TakeEnvironment(string[] variables)
    {
        foreach (string name in Environment.GetEnvironmentVariables().Keys)
            Environment.SetEnvironmentVariable(name, null);
        foreach (string variable in variables)
            Environment.SetEnvironmentVariable(variable.Split('=')[0], variable[(variable.IndexOf('=', StringComparison.Ordinal) + 1)..]);
    }

    private static int Check(int result, string what)
        => result >= 0 ? result : throw new IOException($"cannot {what}: {Marshal.GetLastPInvokeErrorMessage()}");

    [LibraryImport("libc", EntryPoint = "accept", SetLastError = true)]
    private static partial int Accept(int socket, nint address, nint length);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial int Read(int descriptor, ref int value, nint sizeBytes);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial int Write(int descriptor, ref int value, nint sizeBytes);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial int Write(int descriptor, ref byte value, nint sizeBytes);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    private static partial int Duplicate(int descriptor, int target);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int descriptor, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, nint first, nint second, nint third);
}
