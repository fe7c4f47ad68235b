using Cscm.Storage.Linux;
using Cscm.Storage.Pools;

namespace Cscm.Storage.Regions;

/// <summary>
/// Makes, renames and destroys namespaces, in mode fsdax and with the page map in the namespace. One act at a time over all pools, as
/// regions share what the kernel counts. Thread-safe.
/// </summary>
internal static class NamespaceCarver
{
    private const string Package = "ndctl";
    private const string Devices = "/sys/bus/nd/devices";

    private static readonly Lock s_lock = new();

    /// <summary>Makes a namespace.</summary>
    /// <param name="region">Where.</param>
    /// <param name="name">The name that its labels keep.</param>
    /// <param name="rawBytes">What the region is charged.</param>
    /// <exception cref="StorageException">ResourceExhausted: the region has no such room in one piece.</exception>
    public static Namespace Create(string region, string name, long rawBytes)
    {
        lock (s_lock)
        {
            string[] arguments =
            [
                "create-namespace", $"--region={region}", "--mode=fsdax", "--map=dev", $"--size={rawBytes}", $"--align={NamespaceSizes.AlignmentBytes}",
                $"--name={name}", "--no-autolabel", "--no-autorecover",
            ];
            (int exitCode, _, string errors) = Run(arguments);
            if (exitCode == 0)
                return List().FirstOrDefault(item => item.Region == region && item.Namespace.AlternativeName == name).Namespace ?? throw new StorageException(StorageErrorKind.Internal, $"ndctl made namespace {name} in {region}, and sysfs does not show it");
            long largestBytes = new RegionReader().Read().Regions.FirstOrDefault(candidate => candidate.Name == region)?.MaximumExtentBytes ?? 0;
            throw largestBytes < rawBytes
                ? new StorageException(StorageErrorKind.ResourceExhausted, $"{region} has {largestBytes} bytes free in one piece and a namespace of {rawBytes} was asked for: delete volumes, or use another region")
                : new StorageException(StorageErrorKind.Internal, $"ndctl {string.Join(' ', arguments)} ended with exit code {exitCode}: {errors.Trim()}");
        }
    }

    /// <summary>Gives a namespace another name, by one atomic write to its labels. It has no device afterwards, until it is enabled.</summary>
    /// <exception cref="StorageException">FailedPrecondition: it is in use.</exception>
    public static void Rename(Namespace item, string name)
    {
        lock (s_lock)
        {
            // Its name can only be changed while nothing lies over it.
            if (item.BlockDevice is not null)
                RunOnUsed(item, "disable-namespace", item.Name);
            try
            {
                File.WriteAllText($"{Devices}/{item.Name}/alt_name", name);
            }
            catch (IOException e)
            {
                throw new StorageException(StorageErrorKind.FailedPrecondition, $"{item.Name} ({item.AlternativeName}) cannot be renamed: end what uses it, then repeat ({e.Message})", e);
            }
        }
    }

    /// <summary>Gives a namespace its device back.</summary>
    public static Namespace Enable(Namespace item)
    {
        lock (s_lock)
        {
            RunOnUsed(item, "enable-namespace", item.Name);
            return List().FirstOrDefault(candidate => candidate.Namespace.Name == item.Name).Namespace ?? item;
        }
    }

    /// <exception cref="StorageException">FailedPrecondition: it is in use.</exception>
    public static void Destroy(Namespace item)
    {
        lock (s_lock)
            RunOnUsed(item, "destroy-namespace", "--force", item.Name);
    }

    /// <summary>The namespace of a name that only one has, whichever region it is in; null if there is none.</summary>
    public static Namespace? Find(string name)
    {
        SysfsDirectory? directory = Directories().FirstOrDefault(candidate => candidate.Text("alt_name") == name);
        return directory is null ? null : NamespaceReader.Read(directory);
    }

    /// <summary>All namespaces, each with the name of its region.</summary>
    public static IEnumerable<(string? Region, Namespace Namespace)> List()
    {
        foreach (SysfsDirectory directory in Directories())
        {
            if (NamespaceReader.Read(directory) is { } item)
                yield return (directory.Parent.Name, item);
        }
    }

    private static IEnumerable<SysfsDirectory> Directories()
        => SysfsDirectory.DevicesOf("/sys", "nd").Where(device => device.Name.StartsWith("namespace", StringComparison.Ordinal));

    /// <summary>A new namespace shows what its place held before: signatures of file systems and volume groups that are no more.</summary>
    public static void ClearHead(string device)
    {
        const long HeadBytes = 16 << 20;
        using var opened = BlockDevice.OpenExclusively(device);
        opened.Zero(0, Math.Min(HeadBytes, opened.SizeBytes));
        opened.Flush();
    }

    private static void RunOnUsed(Namespace item, params string[] arguments)
    {
        (int exitCode, _, string errors) = Run(arguments);
        if (exitCode != 0)
        {
            throw new StorageException(
                StorageErrorKind.FailedPrecondition, $"ndctl {string.Join(' ', arguments)} ({item.AlternativeName}) ended with exit code {exitCode}: end what uses the namespace, then repeat ({errors.Trim()})");
        }
    }

    private static (int ExitCode, string Output, string Errors) Run(params IEnumerable<string> arguments)
        => ToolRunner.CaptureAsync("ndctl", Package, arguments, environment: null, CancellationToken.None).GetAwaiter().GetResult();
}
