using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text.Json;
using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>Images: what the chart names is what deploy/ makes; and, where archives were made, that they are whole.</summary>
public sealed class ImageTests
{
    private static readonly string s_deploy = Path.Combine(RepositoryRoot.Path, "deploy");
    private static readonly Dictionary<string, string> s_users = new() { ["controller"] = "65532:65532", ["node"] = "0:0", ["tools"] = "65532:65532" };

    [Fact]
    public void Every_image_of_the_chart_is_one_that_deploy_makes()
    {
        string[] named = [.. ValueSet.All.SelectMany(set => Pods.Of(Documents.Committed(set))).SelectMany(found => found.Pod.List("containers")).Select(container => container.Text("image"))
            .Where(image => image.Contains("/cscm-", StringComparison.Ordinal)).Select(image => image.Split('/')[^1].Split(':')[0]["cscm-".Length..]).Distinct().Order()];
        Assert.Equal(s_users.Keys.Order(), named);
        Assert.Equal(named, Directory.GetFiles(Path.Combine(s_deploy, "packages")).Select(file => Path.GetFileName(file)).Order());
        string dockerfile = File.ReadAllText(Path.Combine(s_deploy, "Dockerfile"));
        Assert.All(named, name => Assert.Contains($"FROM scratch AS {name}\nCOPY --from=roots /roots/{name} /\nCOPY --from=published /published/{name} /\n", dockerfile, StringComparison.Ordinal));
    }

    [Fact]
    public void The_chart_is_of_the_version_that_is_built()
    {
        string version = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "Directory.Build.props")).Split("<Version>")[1].Split('<')[0];
        Assert.Equal(version, Documents.Parse(File.ReadAllText(Path.Combine(ValueSet.Chart, "Chart.yaml"))).Text("appVersion"));
        Assert.Equal($"cscm.io/cscm-tools:{version}", Documents.Parse(File.ReadAllText(Path.Combine(s_deploy, "regions.yaml"))).List("spec", "containers").Single().Text("image"));
    }

    /// <summary>Tools that the driver runs are in its image.</summary>
    [Theory]
    [InlineData("e2fsprogs")]
    [InlineData("xfsprogs")]
    [InlineData("lvm2")]
    [InlineData("ndctl")]
    [InlineData("util-linux")]
    public void The_nodes_image_has(string package) => Assert.Contains(package, File.ReadAllLines(Path.Combine(s_deploy, "packages", "node")));

    /// <summary>What <c>cscm regions prepare</c> runs, for deploy/regions.yaml.</summary>
    [Theory]
    [InlineData("ndctl")]
    [InlineData("util-linux")]
    public void The_tools_image_has(string package) => Assert.Contains(package, File.ReadAllLines(Path.Combine(s_deploy, "packages", "tools")));

    /// <summary>A pod's own sysfs may be read-only, its own /dev has no device that came later.</summary>
    [Theory]
    [InlineData("/dev")]
    [InlineData("/sys")]
    public void Regions_are_prepared_through_the_hosts_own(string directory)
    {
        YamlNode pod = Documents.Parse(File.ReadAllText(Path.Combine(s_deploy, "regions.yaml"))).At("spec");
        string volume = pod.List("volumes").Single(candidate => candidate.Text("hostPath", "path") == directory).Text("name");
        YamlNode mount = pod.List("containers").Single().List("volumeMounts").Single(candidate => candidate.Text("name") == volume);
        Assert.Equal(directory, mount.Text("mountPath"));
    }

    [ArchiveTheory]
    [InlineData("controller")]
    [InlineData("node")]
    [InlineData("tools")]
    public void An_archive_is_whole_and_says_what_it_is(string name)
    {
        Dictionary<string, byte[]> entries = Read(Path.Combine(ArchiveTheoryAttribute.Directory!, $"cscm-{name}.tar"));
        foreach ((string path, byte[] content) in entries.Where(entry => entry.Key.StartsWith("blobs/sha256/", StringComparison.Ordinal)))
            Assert.Equal(path["blobs/sha256/".Length..], Convert.ToHexStringLower(SHA256.HashData(content)));
        JsonElement docker = Json(entries["manifest.json"])[0];
        Assert.EndsWith($"/cscm-{name}:0.1.0", docker.GetProperty("RepoTags")[0].GetString(), StringComparison.Ordinal);
        JsonElement config = Json(entries[docker.GetProperty("Config").GetString()!]);
        Assert.Equal(s_users[name], config.GetProperty("config").GetProperty("User").GetString());
        Assert.Equal("0.1.0", config.GetProperty("config").GetProperty("Labels").GetProperty("org.opencontainers.image.version").GetString());
        // Docker's index and OCI's lead to the same layers.
        JsonElement manifest = Json(entries[Blob(Json(entries["index.json"]).GetProperty("manifests")[0])]);
        string[] layers = [.. manifest.GetProperty("layers").EnumerateArray().Select(Blob)];
        Assert.Equal(docker.GetProperty("Layers").EnumerateArray().Select(layer => layer.GetString()!), layers);
        Assert.Equal(config.GetProperty("rootfs").GetProperty("diff_ids").EnumerateArray().Select(id => id.GetString()!["sha256:".Length..]), layers.Select(layer => layer["blobs/sha256/".Length..]));
        HashSet<string> files = [.. layers.SelectMany(layer => Names(entries[layer]))];
        Assert.Contains("usr/bin/" + config.GetProperty("config").GetProperty("Entrypoint")[0].GetString()!.Split('/')[^1], files);
        Assert.DoesNotContain(files, file => Path.GetFileName(file) is "sh" or "bash" or "dash" or "perl" or "apt" or "dpkg");
        JsonElement bill = Json(File.ReadAllBytes(Path.Combine(ArchiveTheoryAttribute.Directory!, $"cscm-{name}.spdx.json")));
        string[] parts = [.. bill.GetProperty("packages").EnumerateArray().Select(package => package.GetProperty("name").GetString()!)];
        Assert.Contains("libc6", parts);
        Assert.Contains("Google.Protobuf", parts);
        Assert.All(files.Where(file => file.StartsWith("var/lib/dpkg/status.d/", StringComparison.Ordinal) && !file.EndsWith('/')), file => Assert.Contains(Path.GetFileName(file), parts));
    }

    private static string Blob(JsonElement descriptor) => "blobs/sha256/" + descriptor.GetProperty("digest").GetString()!["sha256:".Length..];

    private static JsonElement Json(byte[] content) => JsonDocument.Parse(content).RootElement;

    private static Dictionary<string, byte[]> Read(string archive)
    {
        var entries = new Dictionary<string, byte[]>();
        using var reader = new TarReader(File.OpenRead(archive));
        while (reader.GetNextEntry() is { } entry)
        {
            if (entry.DataStream is null)
                continue;
            byte[] content = new byte[entry.Length];
            entry.DataStream.ReadExactly(content);
            entries[Plain(entry.Name)] = content;
        }
        return entries;
    }

    private static IEnumerable<string> Names(byte[] layer)
    {
        using var reader = new TarReader(new MemoryStream(layer));
        while (reader.GetNextEntry() is { } entry)
            yield return Plain(entry.Name);
    }

    private static string Plain(string name) => name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name;
}

/// <summary>A test of image archives; making them downloads packages and publishes three programs, which takes minutes.</summary>
public sealed class ArchiveTheoryAttribute : TheoryAttribute
{
    public ArchiveTheoryAttribute() => Skip = Directory is null ? "no images: run deploy/build-images and name its output in CSCM_IMAGES" : null;

    internal static string? Directory { get; } = Environment.GetEnvironmentVariable("CSCM_IMAGES") is { Length: > 0 } named && System.IO.Directory.Exists(named) ? named : null;
}
