namespace Cscm.Storage.Pools.Lvm;

/// <summary>
/// Runs lvm on named devices only, with a configuration of its own: what the machine's lvm.conf, udev rules, device lists and daemons
/// say plays no role, and nothing that is not named is even looked at. Commands are never cancelled: one that is killed can leave a
/// device suspended.
/// </summary>
/// <param name="devices">Paths of the devices that may be seen; none stands for all, to find a group by its name.</param>
/// <param name="systemDirectory">A directory for lvm, without an lvm.conf.</param>
internal sealed class LvmTool(IReadOnlyList<string> devices, string systemDirectory)
{
    private const string Package = "lvm2";

    /// <summary>Device nodes are made by lvm itself and not waited for: in a container nobody else would.</summary>
    private const string Configuration =
        "global{use_lvmpolld=0 use_lvmlockd=0 event_activation=0 notify_dbus=0 suffix=1} activation{udev_sync=0 udev_rules=0 monitoring=0 verify_udev_operations=0} "
        + "backup{backup=0 archive=0} devices{use_devicesfile=0 scan_lvs=0 multipath_component_detection=0 md_component_detection=0} report{output_format=basic}";

    private readonly Dictionary<string, string> _environment = new()
    {
        ["LVM_SYSTEM_DIR"] = systemDirectory,
        ["LVM_SUPPRESS_FD_WARNINGS"] = "1",
        ["DM_DISABLE_UDEV"] = "1",
    };

    /// <summary>Runs a command (its name first) to its end.</summary>
    public (int ExitCode, string Output, string Errors) Run(params IEnumerable<string> command)
    {
        string[] all = [.. command];
        IEnumerable<string> arguments = [all[0], "--config", Configuration, .. devices.Count > 0 ? ["--devices", string.Join(',', devices)] : Array.Empty<string>(), .. all[1..]];
        return ToolRunner.CaptureAsync("lvm", Package, arguments, _environment, CancellationToken.None).GetAwaiter().GetResult();
    }

    /// <exception cref="StorageException">Internal: it failed.</exception>
    public string RunOrThrow(params IEnumerable<string> command)
    {
        string[] all = [.. command];
        (int exitCode, string output, string errors) = Run(all);
        return exitCode == 0 ? output : throw new StorageException(StorageErrorKind.Internal, $"lvm {string.Join(' ', all)} ended with exit code {exitCode}: {errors.Trim()}");
    }

    /// <summary>The volume groups on the devices.</summary>
    public IReadOnlyList<GroupReport> Report() => GroupReport.Parse(RunOrThrow(["fullreport", .. GroupReport.Arguments]));
}
