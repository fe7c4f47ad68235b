namespace Cscm.Grpc.Tests;

/// <summary>Which gRPC stack these tests run on. Where the two differ on purpose, the test says so.</summary>
internal static class Flavour
{
#if UPSTREAM
    public static bool IsUpstream => true;
#else
    public static bool IsUpstream => false;
#endif
}
