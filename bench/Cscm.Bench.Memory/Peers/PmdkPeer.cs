namespace Cscm.Bench.Memory.Peers;

/// <summary>Starts the programs on libpmemobj.</summary>
public static class PmdkPeer
{
    /// <param name="peers">Where bench/peers/build has put the programs.</param>
    /// <param name="program">For example <c>pmdk-btree</c>.</param>
    /// <param name="directory">Where its pool goes.</param>
    /// <param name="arguments">Further arguments.</param>
    public static Peer Start(string peers, string program, string directory, params ReadOnlySpan<string> arguments) =>
        Peer.Start(peers, program, ["--pool", Path.Combine(directory, $"cscm-bench-{program}-{Environment.ProcessId}"), .. arguments]);
}
