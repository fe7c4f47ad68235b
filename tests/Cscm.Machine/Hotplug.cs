using System.Text.Json.Nodes;

namespace Cscm.Machine;

/// <summary>Plugs storage class memory into a machine that runs or is paused, by QEMU's control socket.</summary>
internal static class Hotplug
{
    public static async Task PlugAsync(QmpConnection control, Nvdimm nvdimm, int index, string file, CancellationToken cancellationToken)
    {
        await AddBackingAsync(control, $"nvdimm-file{index}", file, nvdimm.FileBytes, cancellationToken);
        var device = new JsonObject
        {
            ["driver"] = "nvdimm",
            ["id"] = $"nvdimm{index}",
            ["memdev"] = $"nvdimm-file{index}",
            ["uuid"] = $"00000000-0000-4000-8000-{index + 1:x12}",
            ["unarmed"] = nvdimm.IsUnarmed,
        };
        if (nvdimm.LabelBytes > 0)
            device["label-size"] = nvdimm.LabelBytes;
        if (nvdimm.NumaNode is int node)
            device["node"] = node;
        await control.RunAsync("device_add", device, cancellationToken);
    }

    public static async Task PlugAsync(QmpConnection control, VirtioPmem pmem, int index, string file, CancellationToken cancellationToken)
    {
        await AddBackingAsync(control, $"pmem-file{index}", file, pmem.SizeBytes, cancellationToken);
        var device = new JsonObject { ["driver"] = "virtio-pmem-pci", ["id"] = $"pmem{index}", ["memdev"] = $"pmem-file{index}", ["bus"] = QemuArguments.VirtioSlot(index) };
        await control.RunAsync("device_add", device, cancellationToken);
    }

    public static async Task PlugAsync(QmpConnection control, CxlDevice cxl, string file, string labels, CancellationToken cancellationToken)
    {
        await AddBackingAsync(control, "cxl-file", file, cxl.SizeBytes, cancellationToken);
        await AddBackingAsync(control, "cxl-label-file", labels, CxlDevice.LabelBytes, cancellationToken);
        var device = new JsonObject
        {
            ["driver"] = "cxl-type3",
            ["id"] = "cxl",
            ["bus"] = QemuArguments.CxlPort,
            ["persistent-memdev"] = "cxl-file",
            ["lsa"] = "cxl-label-file",
            ["sn"] = 1,
        };
        await control.RunAsync("device_add", device, cancellationToken);
    }

    private static async Task AddBackingAsync(QmpConnection control, string id, string file, long sizeBytes, CancellationToken cancellationToken)
        => await control.RunAsync(
            "object-add",
            new JsonObject { ["qom-type"] = "memory-backend-file", ["id"] = id, ["mem-path"] = file, ["size"] = sizeBytes, ["share"] = true },
            cancellationToken);
}
