using Cscm.Storage.Regions;
using Cscm.Storage.State;

namespace Cscm.Storage.Pools.Lvm;

/// <summary>What is wrong with a volume group and the volumes in it, as the kernel tells it of their devices.</summary>
internal static class GroupHealth
{
    public static IEnumerable<HealthFinding> Examine(VolumeGroup group, string key, VolumeRecord record)
    {
        if (group.Find(key) is not { } volume)
        {
            yield return new HealthFinding(
                HealthKind.DataLoss, "VolumeMissing", $"logical volume {group.Name}/{key} is gone: restore it from a backup, or delete the volume");
            yield break;
        }
        if (volume.Health.Contains("partial", StringComparison.Ordinal))
            yield return new HealthFinding(HealthKind.Inaccessible, "DeviceMissing", $"a device below {group.Name}/{key} is missing: bring it back and restart the driver, or restore the volume from a backup");
        else if (volume.SizeBytes < record.BackingBytes && record.Resize is null)
            yield return new HealthFinding(HealthKind.DataLoss, "VolumeTruncated", $"{group.Name}/{key} has {volume.SizeBytes} of {record.BackingBytes} bytes: restore it from a backup, or delete the volume");
        long badBytes = volume.Runs.Where(run => run.Device.Length > 0).Sum(run => BadBytes(group, run));
        if (badBytes > 0)
            yield return new HealthFinding(HealthKind.DataLoss, "BadBlocks", $"{badBytes} bytes of {group.Name}/{key} cannot be read: restore the volume from a backup, or write the blocks anew");
    }

    public static IEnumerable<PoolHealth> ExaminePool(string pool, VolumeGroup group)
    {
        if (!group.IsWritable)
            yield return new PoolHealth(pool, HealthKind.Degraded, "ReadOnly", $"volume group {group.Name} is read-only: vgchange --permission rw {group.Name}");
        foreach (PhysicalVolume device in group.Devices.Where(device => device.IsMissing || !File.Exists(device.Name)))
            yield return new PoolHealth(pool, HealthKind.Inaccessible, "DeviceMissing", $"{(device.IsMissing ? $"the device with id {device.Uuid}" : device.Name)} of volume group {group.Name} is missing: bring its region back, then restart the driver");
        HashSet<string> names = [.. group.Devices.Select(device => Path.GetFileName(device.Name))];
        foreach (Region region in new RegionReader().Read().Regions.Where(region => region.Namespaces.Any(item => item.BlockDevice is { } device && names.Contains(device))))
        {
            foreach (HealthFinding finding in region.Health)
                yield return new PoolHealth(pool, finding.Kind, finding.Reason, finding.Message);
        }
    }

    private static long BadBytes(VolumeGroup group, ExtentRun run)
    {
        string attribute = $"/sys/class/block/{Path.GetFileName(run.Device)}/badblocks";
        if (!File.Exists(attribute))
            return 0;
        long dataStart = group.Devices.FirstOrDefault(device => device.Name == run.Device)?.DataStartBytes ?? 0;
        long start = dataStart + (run.Start * VolumeGroup.ExtentBytes), end = dataStart + (run.End * VolumeGroup.ExtentBytes);
        return BadBlocks.Parse(File.ReadAllText(attribute)).Sum(bad => Math.Max(0, Math.Min(end, bad.OffsetBytes + bad.SizeBytes) - Math.Max(start, bad.OffsetBytes)));
    }
}
