using Csi.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Csi.Tests.Services;

/// <param name="Name">What is wrong, as the test's argument.</param>
/// <param name="Code">The code that the specification names for it.</param>
/// <param name="Remedy">A part of the message: what to do.</param>
/// <param name="Apply">Puts the wrong value into a request that is right otherwise.</param>
internal sealed record BadValue(string Name, StatusCode Code, string Remedy, Action<IMessage, FieldDescriptor> Apply);

/// <summary>The values of each kind of field that must be refused.</summary>
internal static class BadValues
{
    /// <summary>128 bytes are allowed: 65 characters of two bytes are too many, though 65 characters are not.</summary>
    private static readonly string s_longInBytes = new('é', 65);

    public static IReadOnlyList<BadValue> Of(FieldKind kind) => kind switch
    {
        FieldKind.RequiredText => [Text("empty", "", "must be set"), .. WrongTexts()],
        FieldKind.OptionalText => [.. WrongTexts()],
        FieldKind.RequiredTexts => [new("none", StatusCode.InvalidArgument, "name the", (request, field) => List(request, field)), .. WrongLists()],
        FieldKind.OptionalTexts => [.. WrongLists()],
        FieldKind.RequiredPath => [Text("empty", "", "must be set"), .. WrongPaths()],
        FieldKind.OptionalPath => [.. WrongPaths()],
        FieldKind.OccupiedPath => [Text("empty", "", "must be set"), .. WrongPaths().Select(value => value.Name == "relative" ? value with { Code = StatusCode.NotFound } : value)],
        FieldKind.PublishStagingPath => [new("empty", StatusCode.FailedPrecondition, "NodeStageVolume", (request, field) => field.Accessor.SetValue(request, "")), .. WrongPaths()],
        FieldKind.Capability => [Missing("name an access type and mode"), .. WrongCapabilities(SetOne)],
        FieldKind.OptionalCapability => [.. WrongCapabilities(SetOne)],
        FieldKind.Capabilities => [new("none", StatusCode.InvalidArgument, "name at least one", (request, field) => Put(request, field)), .. WrongCapabilities(Put), .. Contradictions()],
        FieldKind.OptionalCapabilities => [.. WrongCapabilities(Put), .. Contradictions()],
        FieldKind.RequiredRange => [Missing("say how large"), .. WrongRanges()],
        FieldKind.OptionalRange => [.. WrongRanges()],
        FieldKind.ClassParameters => [.. WrongMutable(), Parameter("dax", "maybe", "use required, preferred or never"), Parameter("pool", "", "must be set"), Parameter("pool", new string('p', 129), "shorten")],
        FieldKind.MutableParameters => [.. WrongMutable(), Parameter("dax", "never", "use one of erase, hugePages"), Parameter("pool", "fast", "use one of erase, hugePages")],
        FieldKind.NoParameters => [Parameter("anything", "x", "there are none"), TooLarge()],
        FieldKind.OpaqueMap => [TooLarge()],
        FieldKind.Count => [new("negative", StatusCode.InvalidArgument, "use zero", (request, field) => field.Accessor.SetValue(request, -1)), new("smallest", StatusCode.InvalidArgument, "use zero", (request, field) => field.Accessor.SetValue(request, int.MinValue))],
        FieldKind.Token => [Token("free text", "next"), Token("a number", "1"), Token("broken encoding", "after.***"), Token("a line break", "after.\n")],
        FieldKind.Offset => [Offset("negative", -1), Offset("past the end", (32 << 20) + 1), Offset("largest", long.MaxValue)],
        FieldKind.Source => [.. WrongSources()],
        FieldKind.Requirement => [new("elsewhere", StatusCode.ResourceExhausted, DriverInfo.TopologyKey, (request, field) => field.Accessor.SetValue(request, Elsewhere()))],
        _ => [],
    };

    private static IEnumerable<BadValue> WrongTexts()
    {
        yield return Text("129 bytes", new string('a', 129), "shorten it");
        yield return Text("130 bytes in 65 characters", s_longInBytes, "shorten it");
        yield return Text("a NUL", "a\0b", "use printable text");
        yield return Text("an escape", "a\u001b[31m", "use printable text");
        yield return Text("a delete", "a\u007f", "use printable text");
        yield return Text("a C1 control", "a\u0085", "use printable text");
    }

    private static IEnumerable<BadValue> WrongPaths()
    {
        yield return Text("relative", "volumes/1", "must begin with /");
        yield return Text("dot dot", "/staging/../etc", "name the path in full");
        yield return Text("dot", "/staging/./1", "name the path in full");
        yield return Text("empty component", "/staging//1", "name the path in full");
        yield return Text("dot dot at the end", "/staging/..", "name the path in full");
        yield return Text("root", "/", "name the path in full");
        yield return Text("a line feed", "/staging/a\nb", "choose another path");
        yield return Text("a carriage return", "/staging/a\rb", "choose another path");
        yield return Text("a NUL", "/staging/a\0b", "choose another path");
        yield return Text("4096 bytes", "/" + new string('a', 4095), "shorten it");
    }

    private static IEnumerable<BadValue> WrongLists()
    {
        foreach (BadValue wrong in WrongTexts().Append(Text("empty", "", "must be set")))
        {
            string value = wrong.Name switch { "129 bytes" => new string('a', 129), "130 bytes in 65 characters" => s_longInBytes, "a NUL" => "a\0b", "empty" => "", _ => "a\u001b" };
            yield return new BadValue($"one with {wrong.Name}", StatusCode.InvalidArgument, wrong.Remedy, (request, field) => List(request, field, "fine", value));
        }
        yield return new BadValue("one twice", StatusCode.InvalidArgument, "name each once", (request, field) => List(request, field, "same", "same"));
    }

    private static IEnumerable<BadValue> WrongCapabilities(Action<IMessage, FieldDescriptor, VolumeCapability> put)
    {
        yield return Capability("no mode", "use a SINGLE_NODE mode", capability => capability.AccessMode = null);
        yield return Capability("unknown mode", "use a SINGLE_NODE mode", capability => capability.AccessMode.Mode = Mode.Unknown);
        yield return Capability("a mode of the future", "use a SINGLE_NODE mode", capability => capability.AccessMode.Mode = (Mode)99);
        foreach (Mode mode in (Mode[])[Mode.MultiNodeReaderOnly, Mode.MultiNodeSingleWriter, Mode.MultiNodeMultiWriter])
            yield return Capability(mode.ToString(), "use a SINGLE_NODE mode", capability => capability.AccessMode.Mode = mode);
        yield return Capability("no access type", "choose mount or block", capability => capability.ClearAccessType());
        yield return Capability("a long file system", "shorten it", capability => capability.Mount.FsType = new string('x', 129));
        yield return Capability("a file system with NUL", "use printable text", capability => capability.Mount.FsType = "ext4\0");
        yield return Capability("an empty flag", "must be set", capability => capability.Mount.MountFlags.Add(""));
        yield return Capability("a long flag", "shorten it", capability => capability.Mount.MountFlags.Add(new string('x', 129)));
        yield return Capability("flags of more than 4 KiB", "shorten it", capability => capability.Mount.MountFlags.Add(Enumerable.Repeat(new string('x', 128), 33)));
        foreach (string group in (string[])["users", "-1", "+5", " 5", "1.5", "0x10", "4294967295", "4294967296", "1;reboot"])
            yield return Capability($"group {group}", "use the number", capability => capability.Mount.VolumeMountGroup = group);

        BadValue Capability(string name, string remedy, Action<VolumeCapability> spoil) => new(name, StatusCode.InvalidArgument, remedy, (request, field) =>
        {
            VolumeCapability capability = ValidRequests.Mount;
            spoil(capability);
            put(request, field, capability);
        });
    }

    private static IEnumerable<BadValue> Contradictions()
    {
        yield return new BadValue("block and mount", StatusCode.InvalidArgument, "a volume has one of them", (request, field)
            => Put(request, field, ValidRequests.Mount, new VolumeCapability { Block = new(), AccessMode = new() { Mode = Mode.SingleNodeWriter } }));
        yield return new BadValue("two file systems", StatusCode.InvalidArgument, "a volume has one file system", (request, field)
            => Put(request, field, ValidRequests.Mount, new VolumeCapability { Mount = new() { FsType = "xfs" }, AccessMode = new() { Mode = Mode.SingleNodeWriter } }));
        yield return new BadValue("two file systems, the first unnamed", StatusCode.InvalidArgument, "a volume has one file system", (request, field)
            => Put(
                request,
                field,
                new VolumeCapability { Mount = new(), AccessMode = new() { Mode = Mode.SingleNodeWriter } },
                ValidRequests.Mount,
                new VolumeCapability { Mount = new() { FsType = "xfs" }, AccessMode = new() { Mode = Mode.SingleNodeWriter } }));
    }

    private static IEnumerable<BadValue> WrongRanges()
    {
        yield return Range("negative required", -1, 0, StatusCode.InvalidArgument, "zero or more");
        yield return Range("smallest required", long.MinValue, 0, StatusCode.InvalidArgument, "zero or more");
        yield return Range("negative limit", 0, -1, StatusCode.InvalidArgument, "zero or more");
        yield return Range("no bound", 0, 0, StatusCode.InvalidArgument, "set at least one");
        yield return Range("limit below required", 2 << 20, 1 << 20, StatusCode.OutOfRange, "no size fits both");

        static BadValue Range(string name, long requiredBytes, long limitBytes, StatusCode code, string remedy) => new(name, code, remedy, (request, field)
            => field.Accessor.SetValue(request, new CapacityRange { RequiredBytes = requiredBytes, LimitBytes = limitBytes }));
    }

    private static IEnumerable<BadValue> WrongMutable()
    {
        yield return Parameter("reclaim", "x", "use one of");
        yield return Parameter("Erase", "zero", "use one of");
        yield return Parameter("", "x", "use one of");
        yield return Parameter("erase", "shred", "use zero or none");
        yield return Parameter("erase", "", "use zero or none");
        yield return Parameter("hugePages", "huge\n", "use never, advise, withinSize or always");
        yield return TooLarge();
    }

    private static IEnumerable<BadValue> WrongSources()
    {
        yield return Source("none set", new VolumeContentSource(), "set one");
        yield return Source("an empty snapshot", new VolumeContentSource { Snapshot = new() }, "must be set");
        yield return Source("an empty volume", new VolumeContentSource { Volume = new() }, "must be set");
        yield return Source("a long snapshot", new VolumeContentSource { Snapshot = new() { SnapshotId = new string('a', 129) } }, "shorten it");
        yield return Source("a volume with NUL", new VolumeContentSource { Volume = new() { VolumeId = "\0" } }, "use printable text");

        static BadValue Source(string name, VolumeContentSource source, string remedy)
            => new(name, StatusCode.InvalidArgument, remedy, (request, field) => field.Accessor.SetValue(request, source));
    }

    private static TopologyRequirement Elsewhere() => new() { Requisite = { new Topology { Segments = { [DriverInfo.TopologyKey] = "another-node" } } } };

    private static BadValue Text(string name, string value, string remedy)
        => new(name, StatusCode.InvalidArgument, remedy, (request, field) => field.Accessor.SetValue(request, value));

    private static BadValue Missing(string remedy)
        => new("missing", StatusCode.InvalidArgument, remedy, (request, field) => field.Accessor.Clear(request));

    private static BadValue Token(string name, string value)
        => new(name, StatusCode.Aborted, "without a token", (request, field) => field.Accessor.SetValue(request, value));

    private static BadValue Offset(string name, long value)
        => new(name, StatusCode.OutOfRange, "lies outside", (request, field) => field.Accessor.SetValue(request, value));

    private static BadValue Parameter(string key, string value, string remedy) => new($"{key}={value}".Replace('\n', '?')[..Math.Min(20, $"{key}={value}".Length)], StatusCode.InvalidArgument, remedy, (request, field)
        => ((IDictionary<string, string>)field.Accessor.GetValue(request))[key] = value);

    private static BadValue TooLarge() => new("more than 4 KiB", StatusCode.InvalidArgument, "shorten it", (request, field)
        => ((IDictionary<string, string>)field.Accessor.GetValue(request))["csi.storage.k8s.io/x"] = new string('x', 4096));

    private static void List(IMessage request, FieldDescriptor field, params string[] values)
    {
        var list = (System.Collections.IList)field.Accessor.GetValue(request);
        list.Clear();
        foreach (string value in values)
            list.Add(value);
    }

    private static void SetOne(IMessage request, FieldDescriptor field, VolumeCapability capability) => field.Accessor.SetValue(request, capability);

    private static void Put(IMessage request, FieldDescriptor field, VolumeCapability capability) => Put(request, field, [capability]);

    private static void Put(IMessage request, FieldDescriptor field, params VolumeCapability[] capabilities)
    {
        var list = (System.Collections.IList)field.Accessor.GetValue(request);
        list.Clear();
        foreach (VolumeCapability capability in capabilities)
            list.Add(capability);
    }
}
