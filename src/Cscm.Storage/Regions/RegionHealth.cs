namespace Cscm.Storage.Regions;

/// <summary>What a region's state means to those who keep data in it.</summary>
internal static class RegionHealth
{
    public static IReadOnlyList<HealthFinding> Judge(string region, IReadOnlyList<MemoryDevice> devices, IReadOnlyList<BadRange> badRanges, bool isReadOnly)
    {
        var findings = new List<HealthFinding>();
        if (badRanges.Count > 0)
        {
            long badBytes = badRanges.Sum(range => range.SizeBytes);
            findings.Add(new HealthFinding(
                HealthKind.DataLoss, "BadBlocks", $"{badBytes} bytes of {region} in {badRanges.Count} places cannot be read: restore the volumes there from copies"));
        }
        foreach (MemoryDevice device in devices)
            findings.AddRange(device.Flags.Select(flag => Judge(region, device.Name, flag)).OfType<HealthFinding>());
        if (isReadOnly && findings.Count == 0)
            findings.Add(new HealthFinding(HealthKind.Degraded, "ReadOnly", $"{region} accepts no writes: see the kernel log for why"));
        return findings;
    }

    /// <summary>Flags as in drivers/acpi/nfit and arch/powerpc papr_scm.</summary>
    private static HealthFinding? Judge(string region, string device, string flag) => flag switch
    {
        "not_armed" => new HealthFinding(
            HealthKind.Degraded, "NotArmed", $"{device} of {region} would not save its content at a power cut: move data away, replace its energy source"),
        "save_fail" or "flush_fail" => new HealthFinding(
            HealthKind.DataLoss, "SaveFailed", $"{device} of {region} did not save all its content at the last power cut: check every volume there"),
        "restore_fail" => new HealthFinding(
            HealthKind.DataLoss, "RestoreFailed", $"{device} of {region} did not restore its content at start: replace it, restore the volumes from copies"),
        "map_fail" => new HealthFinding(
            HealthKind.Inaccessible, "MapFailed", $"{device} of {region} is not mapped by the platform: check the firmware's memory settings"),
        "smart_event" => new HealthFinding(
            HealthKind.Degraded, "SmartEvent", $"{device} of {region} reports a health event: read it with ndctl list -DH"),
        _ => null,
    };
}
