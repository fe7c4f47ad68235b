namespace Cscm.Bench.Memory;

/// <summary>A benchmark cannot run or its result cannot be trusted; the message says why and what to do.</summary>
public sealed class BenchException(string message) : Exception(message);
