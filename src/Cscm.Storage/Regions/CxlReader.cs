namespace Cscm.Storage.Regions;

internal static class CxlReader
{
    public static bool IsMemory(SysfsDirectory directory) => directory.Name.StartsWith("mem", StringComparison.Ordinal);

    /// <summary>Reads a memory device, and finds the region over it: its persistent side is an nmem of bus/nd that names it.</summary>
    public static CxlMemory Read(SysfsDirectory directory, IReadOnlyList<SysfsDirectory> nd, IReadOnlyList<Region> regions)
    {
        string[] sides = [.. directory.Children("pmem").Select(child => child.Name)];
        string[] modules = [.. nd.Where(device => device.Child("cxl")?.Text("provider") is string provider && sides.Contains(provider)).Select(device => device.Name)];
        return new CxlMemory(
            directory.Name,
            directory.Number("serial") ?? 0,
            directory.Child("pmem")?.Size("size") ?? 0,
            directory.Child("ram")?.Size("size") ?? 0,
            directory.NumaNode(),
            directory.Text("firmware_version") ?? "",
            regions.FirstOrDefault(region => region.Devices.Any(device => modules.Contains(device.Name)))?.Name);
    }
}
