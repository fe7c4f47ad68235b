using Cscm.Storage.Linux;
using Cscm.Storage.Pools;

namespace Cscm.Storage.Regions;

/// <summary>
/// Preparing a region: its modules' label areas are initialised, after which it can be divided into namespaces. Until then the kernel
/// shows one namespace over all of it, which is gone afterwards, whatever it holds. Modules can be part of several regions: those are
/// prepared together.
/// </summary>
/// <param name="Regions">What is prepared; empty if there is nothing to do.</param>
/// <param name="Devices">Names of the modules whose labels are written.</param>
/// <param name="Losses">What goes, one line each.</param>
public sealed record RegionPreparation(IReadOnlyList<string> Regions, IReadOnlyList<string> Devices, IReadOnlyList<string> Losses)
{
    private const string Package = "ndctl";

    /// <summary>Looks at what preparing a region would mean; changes nothing.</summary>
    /// <exception cref="StorageException">
    /// NotFound: there is no such region. FailedPrecondition: it cannot be prepared, or something there is in use or holds content.
    /// </exception>
    public static RegionPreparation Plan(string regionName, Inventory inventory)
    {
        Region region = inventory.Regions.FirstOrDefault(candidate => candidate.Name == regionName)
            ?? throw new StorageException(StorageErrorKind.NotFound, $"there is no region {regionName}: cscm regions lists them");
        if (region.Labels == LabelState.Present)
            return new RegionPreparation([], [], []);
        if (region.Labels == LabelState.None)
            throw Refused($"{regionName} has no area for labels ({region.Technology}): use the whole of it by its device, as in source=/dev/pmem0");
        string[] devices = [.. region.Devices.Select(device => device.Name)];
        Region[] all = [.. inventory.Regions.Where(candidate => candidate.Devices.Any(device => devices.Contains(device.Name)))];
        devices = [.. all.SelectMany(candidate => candidate.Devices).Select(device => device.Name).Distinct()];
        foreach (Region other in all)
            RequireEmpty(other);
        return new RegionPreparation(
            [.. all.Select(other => other.Name)], devices,
            [.. all.SelectMany(other => other.Namespaces.Select(item => $"{item.Name} of {other.Name}{(item.BlockDevice is { } device ? $" (/dev/{device})" : "")}: {item.SizeBytes} bytes, whatever they hold"))]);
    }

    /// <summary>Carries it out; can be repeated after it was cut off anywhere.</summary>
    /// <exception cref="StorageException">
    /// Internal: ndctl failed; FailedPrecondition: a region could not be disabled. The regions are enabled again all the same.
    /// </exception>
    public async Task CarryOutAsync(CancellationToken cancellationToken)
    {
        if (Regions.Count == 0)
            return;
        try
        {
            await ToolRunner.RunOrThrowAsync("ndctl", Package, ["disable-region", .. Regions], cancellationToken);
            // ndctl succeeds where it disabled nothing.
            if (Regions.FirstOrDefault(IsEnabled) is { } enabled)
                throw Refused($"{enabled} cannot be disabled: end what uses its namespaces (ndctl list --namespaces --region={enabled}), and in a container mount the node's /sys so that it can be written");
            await ToolRunner.RunOrThrowAsync("ndctl", Package, ["init-labels", .. Devices], cancellationToken);
        }
        finally
        {
            await ToolRunner.RunOrThrowAsync("ndctl", Package, ["enable-region", .. Regions], CancellationToken.None);
        }
    }

    private static bool IsEnabled(string region) => Directory.Exists($"/sys/bus/nd/devices/{region}/driver");

    private static void RequireEmpty(Region region)
    {
        foreach (Namespace item in region.Namespaces)
        {
            if (item.Mode != NamespaceMode.Raw)
                throw Refused($"{item.Name} of {region.Name} was set up in mode {item.Mode}: it may hold data; only if they are to be lost, ndctl destroy-namespace --force {item.Name}");
            if (item.BlockDevice is not { } name)
                continue;
            string device = "/dev/" + name;
            if (BlockDevice.IsClaimed(device))
                throw Refused($"{device} of {region.Name} is in use: unmount it (findmnt {device}), and end what has it open (fuser -v {device})");
            IReadOnlyList<string> found = Signatures.Find(device);
            if (found.Count > 0)
                throw Refused($"{device} of {region.Name} holds {string.Join(", ", found)}: save what is needed; only if the rest is to be lost, wipefs -a {device}");
        }
    }

    private static StorageException Refused(string message) => new(StorageErrorKind.FailedPrecondition, message);
}
