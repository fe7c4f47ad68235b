using System.Collections.Concurrent;

namespace Cscm.Grpc.TestHost;

/// <summary>Which delayed calls are under way or were cancelled, so that tests see what the handler saw.</summary>
public static class Calls
{
    private static readonly ConcurrentDictionary<string, Call> s_calls = new(StringComparer.Ordinal);

    public static Call Enter(string name) => s_calls[name] = new Call();

    public static Call? Find(string name) => s_calls.GetValueOrDefault(name);

    public sealed class Call : IDisposable
    {
        public bool WasCancelled { get; private set; }

        public bool IsOver { get; private set; }

        public void Cancelled() => WasCancelled = true;

        public void Dispose() => IsOver = true;
    }
}
