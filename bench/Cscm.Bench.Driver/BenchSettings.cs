namespace Cscm.Bench.Driver;

/// <param name="Volumes">Cycles per measurement.</param>
/// <param name="Workers">One measurement for each number of parallel workers.</param>
/// <param name="FileSystem">Of mounted volumes in the file pool.</param>
/// <param name="SizeBytes">Of a new volume.</param>
internal sealed record BenchSettings(int Volumes, IReadOnlyList<int> Workers, string FileSystem, long SizeBytes);
