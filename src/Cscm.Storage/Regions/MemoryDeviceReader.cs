namespace Cscm.Storage.Regions;

internal static class MemoryDeviceReader
{
    // Each bus puts what it knows beyond the common attributes into a directory of its own.
    private static readonly string[] s_families = ["nfit", "cxl", "papr"];

    public static MemoryDevice Read(SysfsDirectory directory)
    {
        SysfsDirectory? family = s_families.Select(directory.Child).FirstOrDefault(child => child is not null);
        return new MemoryDevice(
            directory.Name,
            family?.Text("id"),
            ReadLabels(directory),
            family?.Size("dirty_shutdown"),
            [.. (family?.Text("flags") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)]);
    }

    private static LabelState ReadLabels(SysfsDirectory directory)
    {
        if (Has(directory, "flags", "label"))
            return LabelState.Present;
        return Has(directory, "commands", "set_data") ? LabelState.Blank : LabelState.None;
    }

    private static bool Has(SysfsDirectory directory, string attribute, string word) => (directory.Text(attribute) ?? "").Split(' ').Contains(word);
}
