using System.Diagnostics;

namespace Cscm.Demo.Tests;

/// <summary>A test that runs ./demo, which mounts.</summary>
public sealed class DemoFactAttribute : FactAttribute
{
    public DemoFactAttribute() => Skip = Needs.MissingForRoot;
}

/// <summary>A test that runs ./demo as an ordinary user; only root can become one.</summary>
public sealed class OrdinaryUserFactAttribute : FactAttribute
{
    public OrdinaryUserFactAttribute() => Skip = Needs.MissingForRoot ?? Needs.MissingForUsers;
}

internal static class Needs
{
    /// <summary>Debian's "nobody".</summary>
    public const int User = 65534;

    private static readonly string[] s_namespaces = ["--mount", "--pid", "--fork", "--mount-proc", "true"];
    private static readonly string[] s_user = ["setpriv", $"--reuid={User}", $"--regid={User}", "--clear-groups"];

    /// <summary>Why ./demo cannot run as root here; null if it can.</summary>
    public static string? MissingForRoot { get; } =
        Environment.UserName != "root" ? "loop devices and mounts are root's: run as root"
        : !Succeeds(["unshare", .. s_namespaces]) ? "this machine allows root no mount namespaces: run where it has CAP_SYS_ADMIN"
        : !File.Exists("/dev/loop-control") ? "there are no loop devices: run on a machine with /dev/loop-control"
        : null;

    /// <summary>Why ./demo cannot run as an ordinary user here; null if it can.</summary>
    public static string? MissingForUsers { get; } =
        !Succeeds([.. s_user, "unshare", "--user", "--map-root-user", .. s_namespaces]) ? "users may have no namespaces here: sysctl kernel.unprivileged_userns_clone=1"
        : !Succeeds([.. s_user, "test", "-r", Path.Combine(DemoRun.Repository, "demo")]) ? "ordinary users cannot read this checkout: put it where they can"
        : null;

    private static bool Succeeds(string[] command)
    {
        var start = new ProcessStartInfo(command[0]) { UseShellExecute = false, RedirectStandardError = true };
        foreach (string argument in command[1..])
            start.ArgumentList.Add(argument);
        using Process process = Process.Start(start)!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
