using System.Diagnostics;

namespace Cscm.Storage.Tests;

/// <summary>Dram volumes need no privilege of the machine: a user and mount namespace of one's own is enough.</summary>
public sealed class OrdinaryUserTests
{
    [TheoryIfUserNamespaces]
    [InlineData("create-dram")]
    [InlineData("stage-dram")]
    [InlineData("publish-dram")]
    [InlineData("expand-dram")]
    [InlineData("modify-dram")]
    [InlineData("unstage-dram")]
    public async Task A_dram_volume_is_served_in_a_user_namespace(string scenario)
    {
        string root = StoragePaths.NewDirectory();
        try
        {
            CrashRun run = await CrashHostProcess.RunInNamespaceAsync("baseline", root, scenario);
            Assert.True(run.ExitCode == 0 && run.Sections("failure").Count == 0, run.Output);
            Assert.Contains("tmpfs", run.Sections("state")["repeated"], StringComparison.Ordinal);
            Assert.Equal("", run.Sections("left")["repeated"]);
        }
        finally
        {
            StoragePaths.TakeDown(root);
        }
    }
}

/// <summary>Runs where a process may make a user namespace.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class TheoryIfUserNamespacesAttribute : TheoryAttribute
{
    public TheoryIfUserNamespacesAttribute()
    {
        var start = new ProcessStartInfo("unshare") { UseShellExecute = false, RedirectStandardError = true };
        foreach (string argument in new[] { "--user", "--map-root-user", "--mount", "true" })
            start.ArgumentList.Add(argument);
        try
        {
            using Process? process = Process.Start(start);
            process!.WaitForExit();
            if (process.ExitCode != 0)
                Skip = "this machine permits no user namespaces: run where `unshare --user --map-root-user --mount true` succeeds";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Skip = "unshare is not installed: install util-linux";
        }
    }
}
