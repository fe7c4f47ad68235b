namespace Cscm.Machine.Tests;

/// <summary>A block device of the first NVDIMM as the host sees it: past the guest's caches, and without its slow processors.</summary>
/// <param name="Machine">Whose NVDIMM it is.</param>
/// <param name="OffsetBytes">Where it starts on the NVDIMM.</param>
/// <param name="LengthBytes">How long it is.</param>
internal sealed record HostView(VirtualMachine Machine, long OffsetBytes, int LengthBytes)
{
    public const int SectorBytes = 512;

    /// <param name="machine">Whose first NVDIMM the device is on.</param>
    /// <param name="device">Such as pmem0.</param>
    public static async Task<HostView> OfAsync(VirtualMachine machine, string device)
    {
        // A namespace's own bookkeeping lies before its block device.
        string[] places = (await machine.MustRunAsync("cat", $"/sys/block/{device}/device/resource", "/sys/bus/nd/devices/region0/resource", $"/sys/block/{device}/size")).Split('\n');
        return new HostView(machine, Convert.ToInt64(places[0], 16) - Convert.ToInt64(places[1], 16), int.Parse(places[2]) * SectorBytes);
    }

    public HostView Part(long offsetBytes, int lengthBytes)
    {
        Assert.InRange(offsetBytes + lengthBytes, 0, LengthBytes);
        return new HostView(Machine, OffsetBytes + offsetBytes, lengthBytes);
    }

    public Task<string> HashAsync() => Machine.HashNvdimmAsync(0, OffsetBytes, LengthBytes);
}
