using Csi.V1;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>A kind of volume that the driver offers; the rules of the specification hold for each.</summary>
public sealed record PoolCase(string Pool, string FileSystem, bool IsBlock, bool CanCopy)
{
    public const long PoolSizeBytes = 6L << 30;

    /// <summary>Small, so that the suite is quick; XFS makes more of it.</summary>
    public const long SizeBytes = 16 << 20;

    private static readonly Dictionary<string, PoolCase> s_cases = new()
    {
        ["ext4"] = new PoolCase("ext4", "ext4", IsBlock: false, CanCopy: true),
        ["xfs"] = new PoolCase("xfs", "xfs", IsBlock: false, CanCopy: true),
        ["block"] = new PoolCase("ext4", "", IsBlock: true, CanCopy: true),
        ["dram"] = new PoolCase("dram", "", IsBlock: false, CanCopy: false),
    };

    public static IReadOnlyList<string> Pools { get; } =
    [
        $"name=ext4,kind=file,size={PoolSizeBytes},fileSystem=ext4,default=true",
        $"name=xfs,kind=file,size={PoolSizeBytes},fileSystem=xfs",
        $"name=dram,kind=dram,size={PoolSizeBytes}",
        $"name=tiny,kind=file,size={64 << 20}",
    ];

    public static TheoryData<string> All() => new(s_cases.Keys);

    public static TheoryData<string> Mounted() => new(s_cases.Where(pair => !pair.Value.IsBlock).Select(pair => pair.Key));

    public static TheoryData<string> Copied() => new(s_cases.Where(pair => pair.Value.CanCopy).Select(pair => pair.Key));

    public static PoolCase Of(string name) => s_cases[name];

    public VolumeCapability Capability(Mode mode = Mode.SingleNodeWriter)
    {
        var capability = new VolumeCapability { AccessMode = new() { Mode = mode } };
        if (IsBlock)
            capability.Block = new();
        else
            capability.Mount = new() { FsType = FileSystem };
        return capability;
    }

    public CreateVolumeRequest Create(string name, long requiredBytes = SizeBytes, long limitBytes = 0) => new()
    {
        Name = name,
        CapacityRange = new() { RequiredBytes = requiredBytes, LimitBytes = limitBytes },
        VolumeCapabilities = { Capability() },
        Parameters = { ["pool"] = Pool },
    };
}
