using Cscm.Storage;
using Grpc.Core;

namespace Cscm.Csi.Validation;

/// <summary>
/// The parameters that a StorageClass, a VolumeAttributesClass or an inline volume may carry, from their strings to types. A key that is
/// not listed is refused: a misspelt one would otherwise be ignored in silence.
/// </summary>
public sealed record VolumeParameters
{
    private const string Pool = "pool";
    private const string Dax = "dax";
    private const string Erase = "erase";
    private const string HugePages = "hugePages";
    private const string Size = "size";
    private const string FileSystem = "fsType";

    /// <summary>What the sidecars and the kubelet add for information (external-provisioner --extra-create-metadata, podInfoOnMount).</summary>
    private const string OrchestratorPrefix = "csi.storage.k8s.io/";

    private static readonly string[] s_classKeys = [Pool, Dax, Erase, HugePages];
    private static readonly string[] s_mutableKeys = [Erase, HugePages];
    private static readonly string[] s_inlineKeys = [Pool, Dax, Erase, HugePages, Size, FileSystem];

    public string? PoolName { get; private init; }
    public VolumeSettings Settings { get; private init; } = new();

    /// <summary>Inline volumes only.</summary>
    public long? SizeBytes { get; private init; }

    /// <summary>Inline volumes only.</summary>
    public string? FileSystemType { get; private init; }

    /// <summary>Parameters of CreateVolume and GetCapacity; mutable ones override.</summary>
    public static VolumeParameters ParseClass(IDictionary<string, string> parameters, IDictionary<string, string>? mutableParameters = null)
    {
        Refuse(parameters, s_classKeys, "parameters");
        VolumeParameters own = Parse(parameters);
        if (mutableParameters is null or { Count: 0 })
            return own;
        Refuse(mutableParameters, s_mutableKeys, "mutable_parameters");
        var merged = new Dictionary<string, string>(parameters);
        foreach ((string key, string value) in mutableParameters)
            merged[key] = value;
        return Parse(merged);
    }

    /// <summary>Parameters of ControllerModifyVolume.</summary>
    public static VolumeSettingsChange ParseMutable(IDictionary<string, string> parameters)
    {
        Refuse(parameters, s_mutableKeys, "mutable_parameters");
        return new VolumeSettingsChange(
            parameters.TryGetValue(Erase, out string? erase) ? ParseErase(erase) : null,
            parameters.TryGetValue(HugePages, out string? pages) ? ParseHugePages(pages) : null);
    }

    /// <summary>The volume context of an inline ephemeral volume.</summary>
    public static VolumeParameters ParseInline(IDictionary<string, string> context)
    {
        Refuse(context, s_inlineKeys, "volume_context");
        return Parse(context);
    }

    /// <summary>Parameters of snapshots, which have none of their own.</summary>
    public static void RefuseAll(IDictionary<string, string> parameters) => Refuse(parameters, [], "parameters");

    private static VolumeParameters Parse(IDictionary<string, string> parameters) => new()
    {
        PoolName = parameters.TryGetValue(Pool, out string? pool) ? Require.Text(pool, $"parameter {Pool}") : null,
        SizeBytes = parameters.TryGetValue(Size, out string? size) ? ParseSize(size) : null,
        FileSystemType = parameters.TryGetValue(FileSystem, out string? type) ? Require.Text(type, $"parameter {FileSystem}") : null,
        Settings = new VolumeSettings
        {
            Dax = parameters.TryGetValue(Dax, out string? dax) ? ParseDax(dax) : null,
            Erase = parameters.TryGetValue(Erase, out string? erase) ? ParseErase(erase) : ErasePolicy.Zero,
            HugePages = parameters.TryGetValue(HugePages, out string? pages) ? ParseHugePages(pages) : null,
        },
    };

    private static void Refuse(IDictionary<string, string> parameters, string[] known, string field)
    {
        Require.Map(parameters, field);
        foreach (string key in parameters.Keys)
        {
            if (!known.Contains(key) && !key.StartsWith(OrchestratorPrefix, StringComparison.Ordinal))
            {
                string remedy = known.Length == 0 ? "there are none" : $"use one of {string.Join(", ", known)}";
                throw Require.Invalid($"{field} has the unknown key '{Printable(key)}': {remedy}");
            }
        }
    }

    private static DaxPolicy ParseDax(string value) => value switch
    {
        "required" => DaxPolicy.Required,
        "preferred" => DaxPolicy.Preferred,
        "never" => DaxPolicy.Never,
        _ => throw Unknown(Dax, value, "required, preferred or never"),
    };

    private static ErasePolicy ParseErase(string value) => value switch
    {
        "zero" => ErasePolicy.Zero,
        "none" => ErasePolicy.None,
        _ => throw Unknown(Erase, value, "zero or none"),
    };

    private static HugePages ParseHugePages(string value) => value switch
    {
        "never" => Storage.HugePages.Never,
        "advise" => Storage.HugePages.Advise,
        "withinSize" => Storage.HugePages.WithinSize,
        "always" => Storage.HugePages.Always,
        _ => throw Unknown(HugePages, value, "never, advise, withinSize or always"),
    };

    private static long ParseSize(string value) => Quantity.TryParse(value, out long sizeBytes) && sizeBytes > 0
        ? sizeBytes
        : throw Unknown(Size, value, "a positive number of bytes, or one with Ki, Mi, Gi, Ti");

    private static RpcException Unknown(string key, string value, string allowed)
        => Require.Invalid($"parameter {key} is '{Printable(value)}': use {allowed}");

    /// <summary>The caller's text cut to what a log line bears.</summary>
    private static string Printable(string text)
        => new([.. text.Take(64).Select(c => char.IsControl(c) ? '?' : c)]);
}
