namespace Cscm.Storage.CrashHost;

/// <summary>Every operation that changes something, on every kind of volume that it means something for.</summary>
internal static class Scenarios
{
    private const long MiB = Bench.MiB;
    private const string Text = "what must not be lost";

    public static IReadOnlyList<Scenario> All { get; } =
    [
        new("create-ext4", Nothing, b => b.CreateAsync("v", fileSystem: "ext4")),
        new("create-xfs", Nothing, b => b.CreateAsync("v", fileSystem: "xfs")),
        new("create-block", Nothing, b => b.CreateAsync("v", access: AccessType.Block)),
        new("create-dram", Nothing, b => b.CreateAsync("v", "dram")),
        new("create-from-snapshot", WithSnapshot, b => b.CreateAsync("v", sizeBytes: 24 * MiB, source: SnapshotSource(b)), b => b.RequireContentAsync("v", Text, 24 * MiB)),
        new("create-from-volume", WithStaged("ext4"), b => b.CreateAsync("v", source: new ContentSource(ContentSourceKind.Volume, b.IdOf("source"))), b => b.RequireContentAsync("v", Text)),
        new("create-xfs-from-volume", WithStaged("xfs"), b => b.CreateAsync("v", sizeBytes: 240 * MiB, source: new ContentSource(ContentSourceKind.Volume, b.IdOf("source"))),
            b => b.RequireContentAsync("v", Text, 240 * MiB)),

        new("delete-file", b => b.CreateAsync("v"), b => b.Manager.DeleteVolumeAsync(Id("v"), default)),
        new("delete-block", b => b.CreateAsync("v", access: AccessType.Block), b => b.Manager.DeleteVolumeAsync(Id("v"), default)),
        new("delete-dram", b => b.CreateAsync("v", "dram"), b => b.Manager.DeleteVolumeAsync(Id("v"), default)),

        new("expand-ext4-unstaged", b => b.CreateAsync("v"), b => Expand(b, "v"), async b =>
        {
            await b.StageAsync("v");
            await b.WriteAsync("v", Text);
            await b.UnstageAsync("v");
            await b.RequireContentAsync("v", Text, 40 * MiB);
        }),
        new("expand-xfs-staged", WithStaged("xfs"), b => Expand(b, "source", 240 * MiB)),
        new("expand-block-staged", async b =>
        {
            await b.CreateAsync("source", access: AccessType.Block);
            await b.StageAsync("source");
        }, b => Expand(b, "source")),
        new("expand-dram", WithStaged("tmpfs"), b => Expand(b, "source")),
        new("modify-dram", WithStaged("tmpfs"), b => b.Manager.ModifyVolumeAsync(Id("source"), new VolumeSettingsChange(ErasePolicy.None, HugePages.Never), default)),
        new("modify-file", WithStaged("ext4"), b => b.Manager.ModifyVolumeAsync(Id("source"), new VolumeSettingsChange(ErasePolicy.None, null), default)),

        new("snapshot-staged", WithStaged("ext4"), b => b.SnapshotAsync("s", "source"), RequireSnapshotContent),
        new("snapshot-xfs-staged", WithStaged("xfs"), b => b.SnapshotAsync("s", "source"), RequireSnapshotContent),
        new("snapshot-unstaged", async b =>
        {
            await WithStaged("ext4")(b);
            await b.UnstageAsync("source");
        }, b => b.SnapshotAsync("s", "source"), RequireSnapshotContent),
        new("snapshot-block", async b =>
        {
            await b.CreateAsync("source", access: AccessType.Block);
            await b.StageAsync("source");
        }, b => b.SnapshotAsync("s", "source")),
        new("delete-snapshot", WithSnapshot, b => b.Manager.DeleteSnapshotAsync(SnapshotIdOf("s"), default)),
        new("group-snapshot", WithTwoStaged, GroupSnapshot),
        new("delete-group", async b =>
        {
            await WithTwoStaged(b);
            await GroupSnapshot(b);
        }, async b =>
        {
            string[] members = [.. b.Manager.ListSnapshots().Select(snapshot => snapshot.Id)];
            await b.Manager.DeleteGroupSnapshotAsync(GroupIdOf("g"), members, default);
        }),

        new("stage-ext4", b => b.CreateAsync("v"), b => b.StageAsync("v", mountGroup: "4321")),
        new("stage-ext4-grown", async b =>
        {
            await b.CreateAsync("v");
            await Expand(b, "v");
        }, b => b.StageAsync("v")),
        new("stage-xfs-grown", async b =>
        {
            await b.CreateAsync("v", fileSystem: "xfs");
            await Expand(b, "v", 240 * MiB);
        }, b => b.StageAsync("v")),
        new("stage-block", b => b.CreateAsync("v", access: AccessType.Block), b => b.StageAsync("v")),
        new("stage-dram", b => b.CreateAsync("v", "dram"), b => b.StageAsync("v")),
        new("unstage-file", WithStaged("ext4"), b => b.UnstageAsync("source"), b => b.RequireContentAsync("source", Text)),
        new("unstage-block", async b =>
        {
            await b.CreateAsync("source", access: AccessType.Block);
            await b.StageAsync("source");
        }, b => b.UnstageAsync("source")),
        new("unstage-dram", WithStaged("tmpfs"), b => b.UnstageAsync("source"), b => b.RequireContentAsync("source", Text)),
        new("node-expand-xfs", async b =>
        {
            await WithStaged("xfs")(b);
            await Expand(b, "source", 240 * MiB);
        }, b => b.Publisher.ExpandOnNodeAsync(Id("source"), b.StageOf("source"), default, default)),

        new("publish", WithStaged("ext4"), b => b.PublishAsync("source")),
        new("publish-read-only", WithStaged("ext4"), b => b.PublishAsync("source", isReadOnly: true)),
        new("publish-second", async b =>
        {
            await WithStaged("ext4")(b);
            await b.PublishAsync("source", "other");
        }, b => b.PublishAsync("source")),
        new("publish-dram", WithStaged("tmpfs"), b => b.PublishAsync("source")),
        new("publish-block", WithStagedBlock, b => b.PublishAsync("source")),
        new("publish-block-read-only", WithStagedBlock, b => b.PublishAsync("source", isReadOnly: true)),
        new("publish-ephemeral-file", Nothing, b => b.PublishEphemeralAsync("pod/..\n1", "file")),
        new("publish-ephemeral-dram", Nothing, b => b.PublishEphemeralAsync("pod/..\n1", "dram")),
        new("unpublish", async b =>
        {
            await WithStaged("ext4")(b);
            await b.PublishAsync("source");
            await b.PublishAsync("source", "other");
        }, b => b.UnpublishAsync(Id("source"))),
        new("unpublish-block-read-only", async b =>
        {
            await WithStagedBlock(b);
            await b.PublishAsync("source", isReadOnly: true);
        }, b => b.UnpublishAsync(Id("source"))),
        new("unpublish-ephemeral-file", b => b.PublishEphemeralAsync("pod/..\n1", "file"), b => b.UnpublishAsync("pod/..\n1")),
        new("unpublish-ephemeral-dram", b => b.PublishEphemeralAsync("pod/..\n1", "dram"), b => b.UnpublishAsync("pod/..\n1")),
    ];

    private static Task Nothing(Bench bench) => Task.CompletedTask;

    private static Func<Bench, Task> WithStaged(string fileSystem) => async b =>
    {
        await b.CreateAsync("source", fileSystem == "tmpfs" ? "dram" : "file", fileSystem);
        await b.StageAsync("source");
        await b.WriteAsync("source", Text);
    };

    private static async Task WithStagedBlock(Bench b)
    {
        await b.CreateAsync("source", access: AccessType.Block);
        await b.StageAsync("source");
    }

    private static async Task WithTwoStaged(Bench b)
    {
        await WithStaged("ext4")(b);
        await b.CreateAsync("second", fileSystem: "ext4");
        await b.StageAsync("second");
    }

    private static async Task WithSnapshot(Bench b)
    {
        await WithStaged("ext4")(b);
        await b.SnapshotAsync("s", "source");
    }

    private static Task<GroupSnapshotInfo> GroupSnapshot(Bench b) => b.Manager.CreateGroupSnapshotAsync("g", [Id("source"), Id("second")], default);

    private static Task<ExpandResult> Expand(Bench b, string name, long sizeBytes = 40 * MiB) => b.Manager.ExpandVolumeAsync(Id(name), new SizeRange(sizeBytes, 0), default);

    private static ContentSource SnapshotSource(Bench b) => new(ContentSourceKind.Snapshot, SnapshotIdOf("s"));

    private static async Task RequireSnapshotContent(Bench b)
    {
        await b.CreateAsync("restored", source: SnapshotSource(b));
        await b.RequireContentAsync("restored", Text);
    }

    // Ids are a function of the name (a promise to callers too: repeated requests need no index).
    private static string Id(string name) => "cscm-" + Digest(name);

    private static string SnapshotIdOf(string name) => "snap-" + Digest(name);

    private static string GroupIdOf(string name) => "group-" + Digest(name);

    private static string Digest(string name)
        => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name)).AsSpan(0, 16));
}
