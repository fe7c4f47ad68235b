namespace Cscm.Machine.Payload;

/// <summary>A program's common paths, run once: what they load is loaded, and what is compiled late is compiled.</summary>
internal static class WarmUp
{
    public static void Run(string program)
    {
        string root = Directory.CreateTempSubdirectory("warm-").FullName;
        string[] arguments = program == "cscm"
            ? ["regions", "--json"]
            : ["suite", "--root", root, "--pool", $"name=warm-{Environment.ProcessId},kind=dram,size=134217728", "--only", "a_volume_is_created_staged_published_measured_and_taken_away"];
        int code = Programs.Run(program, arguments);
        if (code != 0)
            throw new InvalidOperationException($"the warm-up's {program} {string.Join(' ', arguments)} ended with {code}");
        Directory.Delete(root, recursive: true);
    }
}
