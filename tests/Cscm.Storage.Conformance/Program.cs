// Runs the conformance suite over one pool and prints a line per scenario:
//   pass NAME MILLISECONDS
//   fail NAME MILLISECONDS WHY
// With --live SEED volumes live until the power goes; with --check 1 what is left is held against what their owners were told.
// Usage: Cscm.Storage.Conformance --root DIRECTORY --pool name=NAME,kind=KIND,size=BYTES[,source=SOURCE][,path=PATH] [--only SCENARIO]...
using Cscm.Storage;
using Cscm.Storage.Conformance;

string root = "";
PoolOptions? pool = null;
var only = new List<string>();
int? seed = null;
bool isCheck = false;
for (int i = 0; i + 1 < args.Length; i += 2)
{
    switch (args[i])
    {
        case "--root": root = args[i + 1]; break;
        case "--pool": pool = PoolText.Parse(args[i + 1]); break;
        case "--only": only.Add(args[i + 1]); break;
        case "--live": seed = int.Parse(args[i + 1]); break;
        case "--check": isCheck = true; break;
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
try
{
    Directory.CreateDirectory(root);
    if (seed is { } chosen)
        await Lives.LiveAsync(pool, root, chosen);
    if (isCheck)
    {
        await Lives.CheckAsync(pool, root);
        return 0;
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
}
catch (StorageException e)
{
    await Console.Error.WriteLineAsync($"refused {e.Kind}: {e.Message}");
    return 3;
}
