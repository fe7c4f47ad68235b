using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text;

namespace Cscm.Cli.Bench;

/// <summary>
/// <c>cscm bench isolation</c>: tries, from inside a container, to reach what belongs to others: foreign paths, block devices, new
/// device nodes, new mounts. Says what it could reach; whether that is too much, the caller judges.
/// </summary>
internal static partial class IsolationCommand
{
    private const uint BlockDeviceMode = 0x6000 | 0x180;
    private const uint FormatMask = 0xF000;
    private const uint FormatBlock = 0x6000;
    private const uint StatxType = 0x1;
    private const int AtFdCwd = -100, AtSymlinkNoFollow = 0x100;
    private const int StatxSizeBytes = 256, StatxModeOffsetBytes = 28;

    public static Command Create()
    {
        var path = new Option<string>("--path") { Description = "Where the own volume is mounted", Required = true };
        var text = new Option<string>("--text") { Description = "A text of someone else's, looked for in all that can be read", Required = true };
        var foreign = new Option<string[]>("--foreign") { Description = "A path of someone else's; may be repeated" };
        var command = new Command("isolation", "Try to reach what belongs to others, and say what could be reached") { path, text, foreign };
        command.SetAction(parsed => BenchCommand.Run(
            "isolation", () => Probe(parsed.GetRequiredValue(path), parsed.GetRequiredValue(text), parsed.GetValue(foreign) ?? [])));
        return command;
    }

    private static void Probe(string path, string text, string[] foreign)
    {
        string[] files = [.. Directory.EnumerateFileSystemEntries(path, "*", SearchOption.AllDirectories)];
        Console.WriteLine($"entries={files.Length}");
        Console.WriteLine($"text_found={files.Count(file => Holds(file, text))}");
        Console.WriteLine($"foreign_reachable={foreign.Count(Path.Exists)}");
        Console.WriteLine($"foreign_mounts={File.ReadLines("/proc/self/mountinfo").Count(line => foreign.Any(other => line.Contains(other, StringComparison.Ordinal)))}");
        Console.WriteLine($"block_devices={Directory.EnumerateFileSystemEntries("/dev").Count(IsBlockDevice)}");
        Console.WriteLine($"can_make_device={Number(CanMakeDevice(path))}");
        Console.WriteLine($"can_mount={Number(CanMount(path))}");
    }

    private static bool Holds(string file, string text)
    {
        try
        {
            return File.Exists(file) && File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(text)) >= 0;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static unsafe bool IsBlockDevice(string path)
    {
        byte* status = stackalloc byte[StatxSizeBytes];
        return Statx(AtFdCwd, path, AtSymlinkNoFollow, StatxType, status) == 0
            && (*(ushort*)(status + StatxModeOffsetBytes) & FormatMask) == FormatBlock;
    }

    private static bool CanMakeDevice(string directory)
    {
        // Any number will do: without the capability, making a node fails before the number matters.
        string node = Path.Combine(directory, $".cscm-node-{Guid.NewGuid():N}");
        bool isMade = MakeNode(node, BlockDeviceMode, 7 << 8) == 0;
        if (isMade)
            File.Delete(node);
        return isMade;
    }

    private static bool CanMount(string directory)
    {
        bool isMounted = MountFileSystem("none", directory, "tmpfs", 0, null) == 0;
        if (isMounted)
            _ = Unmount(directory, 0);
        return isMounted;
    }

    private static int Number(bool value) => value ? 1 : 0;

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial int Statx(int directory, string path, int flags, uint mask, byte* status);

    [LibraryImport("libc", EntryPoint = "mknod", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MakeNode(string path, uint mode, ulong device);

    [LibraryImport("libc", EntryPoint = "mount", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MountFileSystem(string source, string target, string type, ulong flags, string? data);

    [LibraryImport("libc", EntryPoint = "umount2", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Unmount(string target, int flags);
}
