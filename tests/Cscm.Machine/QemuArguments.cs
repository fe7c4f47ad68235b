namespace Cscm.Machine;

/// <summary>The files of one machine: sockets, console log, and the content of its devices.</summary>
internal sealed record MachinePaths(string Directory)
{
    public string Control => Path.Combine(Directory, "qmp");
    public string Agent => Path.Combine(Directory, "agent");
    public string Console => Path.Combine(Directory, "console");
    public string Medium(string device) => Path.Combine(Directory, device);
}

/// <summary>How the machine's own memory is backed.</summary>
/// <param name="File">The file.</param>
/// <param name="IsShared">Written to the file; otherwise a private copy of it, page by page as it is written.</param>
internal readonly record struct RamBacking(string File, bool IsShared);

/// <summary>Turns options into QEMU's command line.</summary>
internal static class QemuArguments
{
    /// <summary>Drives have one size, so that any content fits any saved state.</summary>
    public const long DriveBytes = 512L << 20;

    public const string CxlPort = "cxl-port";

    /// <summary>Devices that can be plugged beside NVDIMMs, whose slots are part of the memory's.</summary>
    private const int VirtioSlots = 2;

    public static List<string> Build(MachineOptions options, MachineFiles files, MachinePaths paths, RamBacking ram, Drives drives)
    {
        int numaNodes = options.Nvdimms.Max(nvdimm => nvdimm.NumaNode) + 1 ?? 0;
        string machine = "q35,nvdimm=on,cxl=on,cxl-fmw.0.targets.0=cxl-bridge,cxl-fmw.0.size=4G"
            + options.Persistence switch
            {
                PlatformPersistence.CpuCache => ",nvdimm-persistence=cpu",
                PlatformPersistence.MemoryController => ",nvdimm-persistence=mem-ctrl",
                _ => "",
            }
            + (numaNodes == 0 ? ",memory-backend=ram" : "");
        List<string> arguments =
        [
            "-machine", machine,
            "-accel", files.UsesKvm ? "kvm" : "tcg,thread=multi",
            // Linux makes CXL regions only where it need not fear a hypervisor that cannot invalidate caches.
            "-cpu", (files.UsesKvm ? "host" : "max") + ",-hypervisor",
            "-smp", $"{options.Processors}",
            "-m", $"{options.MemoryBytes >> 20}M,slots=16,maxmem=128G",
            "-object", FileBacking("ram", ram.File, options.MemoryBytes, ram.IsShared),
            "-display", "none", "-nodefaults", "-no-reboot", "-serial", $"file:{paths.Console}",
            "-kernel", files.Kernel, "-initrd", files.InitialRamDisk,
            "-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check",
            "-qmp", $"unix:{paths.Control}",
            "-device", "virtio-serial-pci", "-chardev", $"socket,id=agent,path={paths.Agent}", "-device", "virtserialport,chardev=agent,name=agent",
        ];
        AddDrive(arguments, "dotnet", drives.Dotnet);
        AddDrive(arguments, "payload", drives.Payload);
        AddNumaNodes(arguments, numaNodes, options.Processors);
        for (int i = 0; i < VirtioSlots; i++)
            arguments.AddRange(["-device", $"pcie-root-port,id={VirtioSlot(i)},chassis={i + 1},slot={i + 1}"]);
        arguments.AddRange(["-device", "pxb-cxl,id=cxl-bridge,bus=pcie.0,bus_nr=12"]);
        arguments.AddRange(["-device", $"cxl-rp,id={CxlPort},bus=cxl-bridge,chassis=0,slot={VirtioSlots + 1}"]);
        return arguments;
    }

    /// <summary>The devices' files with their sizes.</summary>
    public static IEnumerable<(string Path, long SizeBytes)> Media(MachineOptions options, MachinePaths paths)
        => options.Nvdimms.Select((nvdimm, i) => (paths.Medium($"nvdimm{i}"), nvdimm.FileBytes))
            .Concat(options.VirtioPmems.Select((pmem, i) => (paths.Medium($"pmem{i}"), pmem.SizeBytes)))
            .Concat(options.Cxl is { } cxl ? [(paths.Medium("cxl"), cxl.SizeBytes), (paths.Medium("cxl-labels"), CxlDevice.LabelBytes)] : []);

    public static string VirtioSlot(int index) => $"virtio-slot{index}";

    private static string FileBacking(string id, string file, long sizeBytes, bool isShared)
        => $"memory-backend-file,id={id},size={sizeBytes},mem-path={file},share={(isShared ? "on" : "off")}";

    private static void AddDrive(List<string> arguments, string name, string image)
    {
        arguments.AddRange(["-drive", $"file={image},if=none,id={name},format=raw,read-only=on"]);
        arguments.AddRange(["-device", $"virtio-blk-pci,drive={name},serial={name}"]);
    }

    private static void AddNumaNodes(List<string> arguments, int count, int processors)
    {
        for (int node = 0; node < count; node++)
            arguments.AddRange(["-numa", node == 0 ? $"node,nodeid=0,cpus=0-{processors - 1},memdev=ram" : $"node,nodeid={node}"]);
    }
}
