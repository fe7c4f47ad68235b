using System.Diagnostics;
using System.Reflection;
using Csi.V1;

namespace Cscm.Grpc.Tests;

/// <summary>Runs where the client's tools are; elsewhere it is skipped and says how to get them.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class InteropFactAttribute : FactAttribute
{
    public InteropFactAttribute(string client)
    {
        var missing = client switch
        {
            "grpc-go" => Missing("go", "/usr/bin/go") ?? Missing("protoc", "/usr/bin/protoc")
                ?? Missing("libprotobuf-dev", "/usr/include/google/protobuf/descriptor.proto")
                ?? Missing("Debian's grpc-go", "/usr/share/gocode/src/google.golang.org/grpc"),
            "grpc-js" => (OnPath("node") ? null : "node")
                ?? Missing("grpc-js", Path.Combine(InteropTests.ClientDirectory("grpc-js"), "node_modules", "@grpc", "grpc-js")),
            _ => throw new ArgumentException($"There is no client '{client}'.", nameof(client)),
        };
        if (missing is not null)
            Skip = $"{missing} is missing: run tests/interop/install";
    }

    private static string? Missing(string name, string path) => Path.Exists(path) ? null : name;

    private static bool OnPath(string tool) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(':').Any(directory => directory.Length > 0 && File.Exists(Path.Combine(directory, tool)));
}

/// <summary>Clients that nobody here wrote, against the scripted host (tests/interop).</summary>
public sealed class InteropTests(HostFixture host) : IClassFixture<HostFixture>
{
    private static readonly string[] s_protocolChecks =
    [
        "status every code",
        "status non-ASCII message",
        "status after streamed messages",
        "status of an unforeseen exception",
        "unknown method",
        "unknown service",
        "metadata binary",
        "message of exactly 4 MiB",
        "message over 4 MiB",
        "message over 4 MiB, then the connection still works",
        "response of 16 MiB",
        "gzip request",
        "gzip request over 4 MiB decompressed",
        "gzip response",
        "deadline",
        "cancellation",
        "cancellation of an endless stream",
        "concurrent calls",
        "health of the server",
        "health of a service",
        "health of an unknown service",
        "health watched",
        "reflection v1alpha",
        "reflection v1",
    ];

    // Upstream sends no binary header without bytes, and takes a message that grows too large for the handler's failure.
    private static readonly string[] s_upstreamFails = ["metadata binary", "gzip request over 4 MiB decompressed"];

    [InteropFact("grpc-go")]
    public Task Grpc_go_drives_every_RPC_and_the_whole_protocol() => RunAsync("grpc-go");

    [InteropFact("grpc-js")]
    public Task Grpc_js_drives_every_RPC_and_the_whole_protocol() => RunAsync("grpc-js");

    internal static string ClientDirectory(string client)
    {
        var root = typeof(InteropTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == "RepositoryRoot").Value!;
        return Path.Combine(root, "tests", "interop", client);
    }

    private async Task RunAsync(string client)
    {
        var start = new ProcessStartInfo(Path.Combine(ClientDirectory(client), "run"))
        {
            ArgumentList = { host.SocketPath, "script" },
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        string output;
        try
        {
            output = await process.StandardOutput.ReadToEndAsync(patience.Token);
            await process.WaitForExitAsync(patience.Token);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }

        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var failed = lines.Where(line => !line.StartsWith("PASS ", StringComparison.Ordinal)).ToList();
        if (Flavour.IsUpstream)
            failed.RemoveAll(line => Array.Exists(s_upstreamFails, name => line.StartsWith($"FAIL {name}:", StringComparison.Ordinal)));
        Assert.Equal([], failed);
        // The full list: a check that quietly stopped running is a failure too.
        var rpcs = CsiReflection.Descriptor.Services.SelectMany(service => service.Methods.Select(method => $"rpc {service.Name}.{method.Name}"));
        Assert.Equal(
            rpcs.Concat(s_protocolChecks).Order(StringComparer.Ordinal),
            lines.Select(line => line["PASS ".Length..].Split(": ")[0]).Order(StringComparer.Ordinal));
        if (!Flavour.IsUpstream)
            Assert.True(process.ExitCode == 0, await errors);
    }
}
