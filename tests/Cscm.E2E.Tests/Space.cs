using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Cscm.E2E.Tests;

/// <summary>A namespace for one test, with what tests do in it. Goes away with everything in it.</summary>
internal sealed class Space : IDisposable
{
    private static readonly TimeSpan s_patience = Patience.Minutes(3);

    private readonly string _name = $"cscm-e2e-{Guid.NewGuid().ToString("N")[..8]}";

    public Space() => Command.Run("kubectl", ["create", "namespace", _name]);

    public void Dispose() => Command.Run("kubectl", ["delete", "namespace", _name, "--wait=true", $"--timeout={Patience.Argument(5)}"]);

    public string Kubectl(params IEnumerable<string> arguments) => Command.Run("kubectl", ["--namespace", _name, .. arguments]);

    public void Apply(JsonNode item) => Command.Run("kubectl", ["--namespace", _name, "apply", "-f", "-"], item.ToJsonString());

    public JsonNode Get(string kind, string name) => JsonNode.Parse(Kubectl("get", kind, name, "-o", "json"))!;

    public string Phase(string pod) => Kubectl("get", "pod", pod, "-o", "jsonpath={.status.phase}");

    public string Logs(string pod) => Kubectl("logs", pod);

    public void Claim(string name, string size, string mode = "Filesystem", string storageClass = "cscm", JsonNode? source = null, string app = "")
    {
        var spec = new JsonObject
        {
            ["storageClassName"] = storageClass,
            ["accessModes"] = new JsonArray("ReadWriteOncePod"),
            ["volumeMode"] = mode,
            ["resources"] = new JsonObject { ["requests"] = new JsonObject { ["storage"] = size } },
        };
        if (source is not null)
            spec["dataSource"] = source;
        Apply(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "PersistentVolumeClaim", ["metadata"] = new JsonObject { ["name"] = name, ["labels"] = new JsonObject { ["app"] = app } }, ["spec"] = spec });
    }

    /// <summary>Starts a pod that runs <c>cscm</c> once, as an ordinary user of group 1000; with a block device as root, whose the device is.</summary>
    public void Start(string name, JsonObject volume, string[] arguments, bool isBlock = false, bool isReadOnly = false, string? node = null)
    {
        volume["name"] = "scm";
        var container = new JsonObject
        {
            ["name"] = "cscm",
            ["image"] = Installation.Tools,
            ["args"] = new JsonArray([.. arguments.Select(argument => (JsonNode)argument)]),
            ["securityContext"] = JsonNode.Parse("""{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}}"""),
        };
        if (isBlock)
            container["volumeDevices"] = new JsonArray(new JsonObject { ["name"] = "scm", ["devicePath"] = "/dev/scm" });
        else
            container["volumeMounts"] = new JsonArray(new JsonObject { ["name"] = "scm", ["mountPath"] = "/mnt/scm", ["readOnly"] = isReadOnly });
        int user = isBlock ? 0 : 1000;
        Apply(new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Pod",
            ["metadata"] = new JsonObject { ["name"] = name },
            ["spec"] = new JsonObject
            {
                ["restartPolicy"] = "Never",
                ["nodeSelector"] = node is null ? null : new JsonObject { ["kubernetes.io/hostname"] = node },
                ["terminationGracePeriodSeconds"] = 1,
                ["securityContext"] = new JsonObject
                {
                    ["runAsUser"] = user,
                    ["runAsGroup"] = user,
                    ["fsGroup"] = isBlock ? null : 1000,
                    ["seccompProfile"] = new JsonObject { ["type"] = "RuntimeDefault" },
                },
                ["containers"] = new JsonArray(container),
                ["volumes"] = new JsonArray(volume),
            },
        });
    }

    /// <summary>Runs <c>cscm</c> on a claim to its end.</summary>
    /// <returns>What it printed.</returns>
    public string Run(string name, string claim, string[] arguments, bool isBlock = false, string? node = null)
    {
        Start(name, Of(claim), arguments, isBlock, node: node);
        Await(() => Phase(name), "Succeeded", because: () => Kubectl("describe", "pod", name));
        return Logs(name);
    }

    /// <summary>Starts a pod that uses the claim's memory until it is deleted, and waits until it runs.</summary>
    public void StartBusy(string name, string claim)
    {
        Start(name, Of(claim), ["bench", "stream", "--path", "/mnt/scm", "--elements", "1000000", "--repetitions", "1000000"]);
        Await(() => Phase(name), "Running", () => Kubectl("describe", "pod", name));
    }

    /// <summary>The ScmVolume behind a bound claim.</summary>
    public string VolumeOf(string claim)
        => Command.Run("kubectl", ["get", "pv", (string)Get("pvc", claim)["spec"]!["volumeName"]!, "-o", "jsonpath={.spec.csi.volumeHandle}"]);

    public static JsonObject Of(string claim) => new() { ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = claim } };

    public static string[] Insert(string path, long count, int size = 64 << 20) => ["bench", "btree", "insert", "--path", path, "--size", $"{size}", "--count", $"{count}"];

    public static string[] Verify(string path) => ["bench", "btree", "verify", "--path", path];

    public static void Await(Func<string> look, string expected, Func<string>? because = null, TimeSpan? patience = null)
    {
        var clock = Stopwatch.StartNew();
        string seen = look();
        while (seen != expected && clock.Elapsed < (patience ?? s_patience))
        {
            Thread.Sleep(250);
            seen = look();
        }
        // What explains a failure may itself be gone when there is none.
        if (seen != expected)
            Assert.Fail($"expected {expected}, saw '{seen}' after {clock.Elapsed}: {because?.Invoke()}");
    }
}
