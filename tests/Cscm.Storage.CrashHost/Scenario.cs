namespace Cscm.Storage.CrashHost;

/// <summary>One operation to be cut off anywhere: what exists before, the operation, and what must hold after it.</summary>
internal sealed record Scenario(string Name, Func<Bench, Task> SetUp, Func<Bench, Task> Operate, Func<Bench, Task>? Verify = null);
