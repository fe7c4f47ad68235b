namespace Cscm.Csi.Tests.Conformance;

/// <summary>A test with a client of tests/interop, which needs that client's tools.</summary>
public sealed class InteropFactAttribute : FactAttribute
{
    public InteropFactAttribute(string client)
    {
        string needed = client == "grpc-go" ? "/usr/share/gocode/src/google.golang.org/grpc" : InteropTests.ClientPath(client, "node_modules/@grpc/grpc-js");
        Skip = DriverNeeds.Missing ?? (Directory.Exists(needed) ? null : $"{needed} is missing: run tests/interop/install");
    }
}
