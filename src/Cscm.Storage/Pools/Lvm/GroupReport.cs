using System.Globalization;
using System.Text.Json;

namespace Cscm.Storage.Pools.Lvm;

/// <param name="Name">Its path; empty if the device is missing.</param>
/// <param name="Uuid">Outlives boots.</param>
/// <param name="IsMissing">The group knows it, the machine does not.</param>
/// <param name="ExtentsCount">How many extents it has.</param>
/// <param name="DataStartBytes">Where the first of them starts on the device.</param>
internal sealed record PhysicalVolume(string Name, string Uuid, bool IsMissing, long ExtentsCount, long DataStartBytes);

/// <param name="Name">Unique in the group.</param>
/// <param name="Tags">Marks.</param>
/// <param name="SizeBytes">What its device shows.</param>
/// <param name="Health">lvm's word: empty when it is well, <c>partial</c> when a device is missing.</param>
/// <param name="Segments">Where it lies, in the order of its addresses: a run for each device that a segment is spread over.</param>
internal sealed record LogicalVolume(string Name, IReadOnlyList<string> Tags, long SizeBytes, string Health, IReadOnlyList<IReadOnlyList<ExtentRun>> Segments)
{
    public int Stripes => Segments.Count == 0 ? 1 : Segments[^1].Count;

    public IEnumerable<ExtentRun> Runs => Segments.SelectMany(segment => segment);
}

/// <summary>A volume group as <c>lvm fullreport --reportformat json</c> tells it.</summary>
internal sealed record GroupReport(
    string Name, IReadOnlyList<string> Tags, long ExtentBytes, bool IsWritable,
    IReadOnlyList<PhysicalVolume> Devices, IReadOnlyList<LogicalVolume> Volumes, IReadOnlyList<ExtentRun> FreeRuns)
{
    /// <summary>The columns that <see cref="Parse"/> reads.</summary>
    public static IReadOnlyList<string> Arguments { get; } =
    [
        "--all", "--reportformat", "json", "--units", "b", "--nosuffix",
        "--configreport", "vg", "-o", "vg_name,vg_tags,vg_extent_size,vg_permissions",
        "--configreport", "pv", "-o", "pv_name,pv_uuid,pv_missing,pv_pe_count,pe_start",
        "--configreport", "lv", "-o", "lv_name,lv_tags,lv_size,lv_health_status",
        "--configreport", "pvseg", "-o", "pv_name,pvseg_start,pvseg_size,lv_name",
        "--configreport", "seg", "-o", "lv_name,stripes,seg_start_pe,seg_pe_ranges",
    ];

    /// <summary>Reads a report: one group each. Devices that are physical volumes of no group make a group without a name.</summary>
    /// <exception cref="FormatException">It is something else, or lacks a column.</exception>
    public static IReadOnlyList<GroupReport> Parse(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return [.. document.RootElement.GetProperty("report").EnumerateArray().Select(ReadGroup)];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException)
        {
            throw new FormatException($"lvm's report cannot be read ({e.Message}): {json[..Math.Min(json.Length, 200)]}", e);
        }
    }

    private static GroupReport ReadGroup(JsonElement report)
    {
        JsonElement[] groups = [.. Rows(report, "vg")];
        // In a report of physical volumes alone there is no group.
        JsonElement? group = groups.Length == 0 ? null : groups[0];
        ILookup<string, JsonElement> segments = Rows(report, "seg").ToLookup(row => Text(row, "lv_name"));
        return new GroupReport(
            group is null ? "" : Text(group.Value, "vg_name"),
            group is null ? [] : Split(group.Value, "vg_tags", ','),
            group is null ? 0 : Number(group.Value, "vg_extent_size"),
            group is null || Text(group.Value, "vg_permissions") != "read-only",
            [.. Rows(report, "pv").Select(row => new PhysicalVolume(Text(row, "pv_name"), Text(row, "pv_uuid"), Text(row, "pv_missing") == "missing", Number(row, "pv_pe_count"), Number(row, "pe_start")))],
            [
                .. Rows(report, "lv").Select(row => new LogicalVolume(
                    Text(row, "lv_name"), Split(row, "lv_tags", ','), Number(row, "lv_size"), Text(row, "lv_health_status"),
                    [.. segments[Text(row, "lv_name")].OrderBy(segment => Number(segment, "seg_start_pe")).Select(segment => Split(segment, "seg_pe_ranges", ' ').Select(ReadRun).ToArray())])),
            ],
            [
                .. Rows(report, "pvseg").Where(row => Text(row, "lv_name").Length == 0)
                    .Select(row => new ExtentRun(Text(row, "pv_name"), Number(row, "pvseg_start"), Number(row, "pvseg_size"))).Where(run => run.Count > 0),
            ]);
    }

    /// <summary>"/dev/pmem0:10-109", with the last extent part of the run.</summary>
    private static ExtentRun ReadRun(string text)
    {
        int colon = text.LastIndexOf(':'), dash = text.LastIndexOf('-');
        if (colon < 0 || dash < colon)
            throw new FormatException($"'{text}' is no run of extents");
        long start = long.Parse(text[(colon + 1)..dash], CultureInfo.InvariantCulture);
        return new ExtentRun(text[..colon], start, long.Parse(text[(dash + 1)..], CultureInfo.InvariantCulture) - start + 1);
    }

    private static JsonElement.ArrayEnumerator Rows(JsonElement report, string table)
        => report.TryGetProperty(table, out JsonElement rows) ? rows.EnumerateArray() : default;

    private static string Text(JsonElement row, string column) => row.GetProperty(column).GetString() ?? "";

    private static string[] Split(JsonElement row, string column, char separator) => Text(row, column).Split(separator, StringSplitOptions.RemoveEmptyEntries);

    private static long Number(JsonElement row, string column)
        => Text(row, column) is { Length: > 0 } text ? long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) : 0;
}
