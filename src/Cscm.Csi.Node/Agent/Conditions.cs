using Cscm.Kubernetes;

namespace Cscm.Csi.Node.Agent;

/// <summary>Conditions whose time is that of their last change.</summary>
internal static class Conditions
{
    public static Condition Next(IReadOnlyList<Condition> old, string type, bool isTrue, string reason, string message)
    {
        Condition? before = old.FirstOrDefault(condition => condition.Type == type);
        string status = isTrue ? "True" : "False";
        DateTimeOffset since = before?.Status == status ? before.LastTransitionTime : Now();
        return new Condition(type, status, reason, message, since);
    }

    /// <summary>To the second, as it is read back.</summary>
    private static DateTimeOffset Now() => DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());
}
