namespace Cscm.Storage.Regions;

internal static class DaxDeviceReader
{
    public static DaxDevice Read(SysfsDirectory directory) => new(
        directory.Name,
        directory.RequiredSize("size"),
        directory.Size("align"),
        directory.NumaNode(),
        // Bound to the driver kmem, it is the kernel's ordinary memory.
        Path.GetFileName(new DirectoryInfo(Path.Combine(directory.Path, "driver")).LinkTarget) == "kmem");
}
