namespace Cscm.Storage.Regions;

internal static class NamespaceReader
{
    /// <summary>Reads a namespace; null for a seed, the empty one that the kernel keeps for the next to be made.</summary>
    public static Namespace? Read(SysfsDirectory directory)
    {
        long rawSizeBytes = directory.Size("size") ?? 0;
        if (rawSizeBytes == 0)
            return null;
        // The page map (pfn, dax) or the sector map (btt) lies over the namespace in a device of its own, which then has the usable size.
        SysfsDirectory? holder = directory.Text("holder") is string name ? directory.Parent.Child(name) : null;
        SysfsDirectory top = holder ?? directory;
        return new Namespace
        {
            Name = directory.Name,
            Mode = directory.Text("mode") switch
            {
                "memory" => NamespaceMode.FsDax,
                "dax" => NamespaceMode.DevDax,
                "safe" => NamespaceMode.Sector,
                _ => NamespaceMode.Raw,
            },
            SizeBytes = top.Size("size") ?? rawSizeBytes,
            RawSizeBytes = rawSizeBytes,
            AlignmentBytes = holder?.Size("align"),
            Uuid = top.Text("uuid"),
            AlternativeName = directory.Text("alt_name") ?? "",
            BlockDevice = top.Child("block")?.Children("").FirstOrDefault()?.Name,
            DaxDevice = holder?.Children("dax").FirstOrDefault(child => child.Name.Contains('.'))?.Name,
        };
    }
}
