using System.Diagnostics;

namespace Cscm.Machine;

/// <summary>Where <c>tests/vm/build</c> has put the machine's parts.</summary>
/// <param name="Directory">Root of them all; saved states are kept there too.</param>
internal sealed record MachineFiles(string Directory)
{
    private static readonly Lazy<(MachineFiles? Files, string Reason)> s_found = new(Find);

    public string Qemu => Path.Combine(Directory, "run-qemu");
    public string Kernel => Path.Combine(Directory, "vmlinux");
    public string InitialRamDisk => Path.Combine(Directory, "initrd.cpio");

    /// <summary>Whether this host's KVM ran the machine when it was built, and can still be opened.</summary>
    public bool UsesKvm => File.ReadAllText(Path.Combine(Directory, "accelerator")).Trim() == "kvm" && CanOpenKvm();

    /// <summary>Null when the machine is there; otherwise why not, in one line.</summary>
    public static string? WhyUnavailable => s_found.Value.Files is null ? s_found.Value.Reason : null;

    public static MachineFiles Get() => s_found.Value.Files ?? throw new MachineException(s_found.Value.Reason);

    private static (MachineFiles? Files, string Reason) Find()
    {
        string script = Path.Combine(RepositoryRoot.Path, "tests/vm/build");
        if (!File.Exists(script))
            return (null, $"{script} is missing");
        var start = new ProcessStartInfo(script) { ArgumentList = { "--path" }, UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string directory = process.StandardOutput.ReadToEnd().Trim();
        process.WaitForExit();
        return process.ExitCode == 0 ? (new MachineFiles(directory), "") : (null, error.GetAwaiter().GetResult().Trim());
    }

    private static bool CanOpenKvm()
    {
        try
        {
            using FileStream device = File.Open("/dev/kvm", FileMode.Open, FileAccess.ReadWrite);
            return true;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
