using Cscm.Storage;
using Cscm.Storage.Regions;

namespace Cscm.Cli.Regions;

/// <summary>The inventory as tables for a terminal.</summary>
internal static class InventoryTables
{
    public static void Write(Inventory inventory, TextWriter output)
    {
        if (inventory.Regions.Count + inventory.DaxDevices.Count + inventory.CxlMemories.Count == 0)
            output.WriteLine("no storage class memory: the kernel shows no regions, device-dax or CXL memory (modules nfit, nd_pmem, cxl_acpi, virtio_pmem)");
        Tables.Write(
            output, ["REGION", "KIND", "SIZE", "FREE", "LARGEST", "NODE", "WAYS", "ALIGN", "PERSISTS AT", "SYNC", "LABELS", "UNSAFE", "HEALTH"],
            inventory.Regions.Select(region => new[]
            {
                region.Name, region.Technology.ToString(), Tables.Size(region.SizeBytes), Tables.Size(region.AvailableBytes), Tables.Size(region.MaximumExtentBytes),
                Tables.Text(region.NumaNode), Tables.Text(region.InterleaveWays), Tables.Size(region.AlignmentBytes), region.PersistenceDomain.ToString(),
                region.IsSynchronous ? "yes" : "no", region.Labels.ToString(), UnsafeShutdowns(region), Health(region.Health),
            }));
        Tables.Write(
            output, ["NAMESPACE", "REGION", "MODE", "SIZE", "ALIGN", "DEVICE", "NAME", "UUID"],
            inventory.Regions.SelectMany(region => region.Namespaces.Select(item => new[]
            {
                item.Name, region.Name, item.Mode.ToString(), Tables.Size(item.SizeBytes), Tables.Size(item.AlignmentBytes),
                item.BlockDevice ?? item.DaxDevice ?? "-", item.AlternativeName.Length > 0 ? item.AlternativeName : "-", item.Uuid ?? "-",
            })));
        Tables.Write(
            output, ["DAX DEVICE", "SIZE", "ALIGN", "NODE", "SYSTEM MEMORY"],
            inventory.DaxDevices.Select(device => new[]
            {
                device.Name, Tables.Size(device.SizeBytes), Tables.Size(device.AlignmentBytes), Tables.Text(device.NumaNode), device.IsSystemMemory ? "yes" : "no",
            }));
        Tables.Write(
            output, ["CXL MEMORY", "SERIAL", "PERSISTENT", "VOLATILE", "NODE", "FIRMWARE", "REGION"],
            inventory.CxlMemories.Select(memory => new[]
            {
                memory.Name, $"{memory.Serial:x}", Tables.Size(memory.PersistentBytes), Tables.Size(memory.VolatileBytes), Tables.Text(memory.NumaNode), memory.FirmwareVersion, memory.Region ?? "-",
            }));
        foreach (HealthFinding finding in inventory.Regions.SelectMany(region => region.Health))
            output.WriteLine($"{finding.Reason}: {finding.Message}");
    }

    /// <summary>Of the devices that count them; virtual ones do not.</summary>
    private static string UnsafeShutdowns(Region region)
        => Tables.Text(region.Devices.Any(device => device.UnsafeShutdowns is not null) ? region.Devices.Sum(device => device.UnsafeShutdowns) : null);

    private static string Health(IReadOnlyList<HealthFinding> findings) => findings.Count == 0 ? "ok" : findings.Max(finding => finding.Kind).ToString();
}
