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
        WriteTable(
            output, ["REGION", "KIND", "SIZE", "FREE", "LARGEST", "NODE", "WAYS", "ALIGN", "PERSISTS AT", "SYNC", "LABELS", "UNSAFE", "HEALTH"],
            inventory.Regions.Select(region => new[]
            {
                region.Name, region.Technology.ToString(), Size(region.SizeBytes), Size(region.AvailableBytes), Size(region.MaximumExtentBytes),
                Text(region.NumaNode), Text(region.InterleaveWays), Size(region.AlignmentBytes), region.PersistenceDomain.ToString(),
                region.IsSynchronous ? "yes" : "no", region.Labels.ToString(), Text(region.Devices.Sum(device => device.UnsafeShutdowns)), Health(region.Health),
            }));
        WriteTable(
            output, ["NAMESPACE", "REGION", "MODE", "SIZE", "ALIGN", "DEVICE", "NAME", "UUID"],
            inventory.Regions.SelectMany(region => region.Namespaces.Select(item => new[]
            {
                item.Name, region.Name, item.Mode.ToString(), Size(item.SizeBytes), Size(item.AlignmentBytes),
                item.BlockDevice ?? item.DaxDevice ?? "-", item.AlternativeName.Length > 0 ? item.AlternativeName : "-", item.Uuid ?? "-",
            })));
        WriteTable(
            output, ["DAX DEVICE", "SIZE", "ALIGN", "NODE", "SYSTEM MEMORY"],
            inventory.DaxDevices.Select(device => new[]
            {
                device.Name, Size(device.SizeBytes), Size(device.AlignmentBytes), Text(device.NumaNode), device.IsSystemMemory ? "yes" : "no",
            }));
        WriteTable(
            output, ["CXL MEMORY", "SERIAL", "PERSISTENT", "VOLATILE", "NODE", "FIRMWARE", "REGION"],
            inventory.CxlMemories.Select(memory => new[]
            {
                memory.Name, $"{memory.Serial:x}", Size(memory.PersistentBytes), Size(memory.VolatileBytes), Text(memory.NumaNode), memory.FirmwareVersion, memory.Region ?? "-",
            }));
        foreach (HealthFinding finding in inventory.Regions.SelectMany(region => region.Health))
            output.WriteLine($"{finding.Reason}: {finding.Message}");
    }

    /// <summary>Columns as wide as their widest cell; nothing if there is no row.</summary>
    private static void WriteTable(TextWriter output, string[] head, IEnumerable<string[]> rows)
    {
        string[][] lines = [head, .. rows];
        if (lines.Length == 1)
            return;
        int[] widths = [.. head.Select((_, column) => lines.Max(line => line[column].Length))];
        foreach (string[] line in lines)
            output.WriteLine(string.Join("  ", line.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        output.WriteLine();
    }

    private static string Size(long? bytes) => bytes switch
    {
        null => "-",
        >= 1L << 30 => $"{bytes / (double)(1L << 30):0.##}Gi",
        >= 1L << 20 => $"{bytes / (double)(1L << 20):0.##}Mi",
        >= 1L << 10 => $"{bytes / (double)(1L << 10):0.##}Ki",
        _ => $"{bytes}",
    };

    private static string Text(long? value) => value?.ToString() ?? "-";

    private static string Health(IReadOnlyList<HealthFinding> findings) => findings.Count == 0 ? "ok" : findings.Max(finding => finding.Kind).ToString();
}
