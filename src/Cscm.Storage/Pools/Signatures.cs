using Cscm.Storage.Linux;

namespace Cscm.Storage.Pools;

/// <summary>What a device holds, by the signatures that file systems, volume managers and partition tables leave on it.</summary>
internal static class Signatures
{
    private const int TypeColumn = 3;

    /// <summary>Types as libblkid names them (<c>xfs</c>, <c>LVM2_member</c>, <c>gpt</c>, …); none if it knows nothing there.</summary>
    /// <exception cref="StorageException">FailedPrecondition: the device cannot be read.</exception>
    public static IReadOnlyList<string> Find(string device)
    {
        (int exitCode, string output, string errors) = ToolRunner
            .CaptureAsync("wipefs", "util-linux", ["--noheadings", "--parsable", device], environment: null, CancellationToken.None).GetAwaiter().GetResult();
        return exitCode == 0
            ? Parse(output)
            : throw new StorageException(StorageErrorKind.FailedPrecondition, $"{device} cannot be examined (wipefs ended with exit code {exitCode}): {errors.Trim()}");
    }

    /// <summary>Whether an fsdax namespace's info block is where it would be (struct nd_pfn_sb, 4 KiB into the namespace).</summary>
    public static bool HasPageMap(string device)
    {
        const int InfoOffset = 4096;
        using BlockDevice opened = BlockDevice.OpenToRead(device);
        using var buffer = new AlignedBuffer(2 * InfoOffset, InfoOffset);
        return opened.Read(buffer, 0) == buffer.Span.Length && buffer.Span[InfoOffset..].StartsWith("NVDIMM_PFN_INFO\0"u8);
    }

    /// <summary>Lines of "offset,uuid,label,type"; comments start with '#'.</summary>
    public static IReadOnlyList<string> Parse(string output) =>
    [
        .. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#').Select(line => line.Split(','))
            .Where(fields => fields.Length > TypeColumn).Select(fields => fields[TypeColumn].Trim()).Distinct(),
    ];
}
