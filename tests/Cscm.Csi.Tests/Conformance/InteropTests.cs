using Cscm.Csi.Tests.Driver;

namespace Cscm.Csi.Tests.Conformance;

/// <summary>gRPC clients that nobody here wrote, against the real driver: every RPC, health, reflection, limits.</summary>
public sealed class InteropTests(DriverFixture fixture) : IClassFixture<DriverFixture>
{
    [InteropFact("grpc-go")]
    public void Grpc_go_drives_every_rpc_of_the_driver() => Run("grpc-go");

    [InteropFact("grpc-js")]
    public void Grpc_js_drives_every_rpc_of_the_driver() => Run("grpc-js");

    internal static string ClientPath(string client, string path) => Path.Combine(RepositoryRoot.Path, "tests/interop", client, path);

    private void Run(string client)
    {
        string[] lines = Leftovers.Run(ClientPath(client, "run"), Path.Combine(fixture.Driver.Directory, "csi.sock"), "driver").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.DoesNotContain(lines, line => !line.StartsWith("PASS ", StringComparison.Ordinal));
        IEnumerable<string> rpcs = global::Csi.V1.CsiReflection.Descriptor.Services
            .SelectMany(service => service.Methods.Select(method => $"PASS rpc {service.Name}.{method.Name}"));
        Assert.Empty(rpcs.Except(lines));
        Assert.Contains("PASS health of the server", lines);
    }
}
