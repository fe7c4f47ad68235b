// Runs the conformance suite over one pool and prints a line per scenario:
//   pass NAME MILLISECONDS
//   fail NAME MILLISECONDS WHY
// Usage: Cscm.Storage.Conformance --root DIRECTORY --pool name=NAME,kind=KIND,size=BYTES[,source=SOURCE][,path=PATH] [--only SCENARIO]...
using Cscm.Storage;
using Cscm.Storage.Conformance;

string root = "";
PoolOptions? pool = null;
var only = new List<string>();
for (int i = 0; i + 1 < args.Length; i += 2)
{
    switch (args[i])
    {
        case "--root": root = args[i + 1]; break;
        case "--pool": pool = PoolText.Parse(args[i + 1]); break;
        case "--only": only.Add(args[i + 1]); break;
        default:
            await Console.Error.WriteLineAsync($"unknown option {args[i]}");
            return 2;
    }
}
if (root.Length == 0 || pool is null)
{
    await Console.Error.WriteLineAsync("needed: --root DIRECTORY and --pool name=…,kind=…,size=…");
    return 2;
}
int failed = 0, total = 0;
await foreach (Outcome outcome in Runner.RunAsync(pool, root, Suite.For(pool.Kind).Where(scenario => only.Count == 0 || only.Contains(scenario.Name))))
{
    total++;
    failed += outcome.Failure is null ? 0 : 1;
    string line = outcome.Failure is null ? $"pass {outcome.Scenario} {outcome.Duration.TotalMilliseconds:F0}" : $"fail {outcome.Scenario} {outcome.Duration.TotalMilliseconds:F0} {outcome.Failure.ReplaceLineEndings(" | ")}";
    await Console.Out.WriteLineAsync(line);
}
return failed == 0 && total > 0 ? 0 : 1;
