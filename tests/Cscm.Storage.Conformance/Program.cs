// What runs where the medium of a pool is. Everywhere: --root DIRECTORY --pool name=NAME,kind=KIND,size=BYTES[,source=SOURCE][,path=PATH]
//   suite [--only SCENARIO]... [--dax POLICY]   the conformance suite; a line per scenario (Outcome)
//   churn --seed NUMBER            volumes' lives at random until it is killed; says what it begins and what is done
//   verify                         reads what a churn said, recovers what a kill or power cut left, and holds it against that
//   lives --seed NUMBER --acts N   a long random run of creations, growths and removals; holds the pool to what it says of its space; a line per stage
//   make                           makes volumes and waits for the power to be cut
//   verify-made                    recovers, and holds the volumes against what make promised
//   delete [--dax POLICY]          fills a volume with a secret, deletes it, and erases it slowly until it is killed
//   finish                         recovers, and erases the rest
//   search-new                     searches a new volume over all space that is free for the secret
//   publish                        makes a volume, if it is not there, and leaves it published
//   examine                        recovers, and says what is wrong with the pool and its volumes
// Exit code 3: the pool is refused.
using Cscm.Storage;
using Cscm.Storage.Conformance;

if (args.Length == 0)
    return await UsageAsync();
string mode = args[0].StartsWith('-') ? "suite" : args[0], root = "", dax = "";
PoolOptions? pool = null;
int seed = 0, acts = 0;
var only = new List<string>();
for (int i = args[0].StartsWith('-') ? 0 : 1; i + 1 < args.Length; i += 2)
{
    switch (args[i])
    {
        case "--root": root = args[i + 1]; break;
        case "--pool": pool = PoolText.Parse(args[i + 1]); break;
        case "--only": only.Add(args[i + 1]); break;
        case "--seed": seed = int.Parse(args[i + 1]); break;
        case "--acts": acts = int.Parse(args[i + 1]); break;
        case "--dax": dax = args[i + 1]; break;
        default: return await UsageAsync();
    }
}
if (root.Length == 0 || pool is null)
    return await UsageAsync();
DaxPolicy? policy = dax.Length > 0 ? Enum.Parse<DaxPolicy>(dax, ignoreCase: true) : null;
try
{
    return mode switch
    {
        "suite" => await TellAsync(Runner.RunAsync(pool, root, Suite.For(pool.Kind).Where(scenario => only.Count == 0 || only.Contains(scenario.Name)), policy)),
        "churn" => await Churn.RunAsync(pool, root, seed),
        "verify" => await Churn.VerifyAsync(pool, root, await Console.In.ReadToEndAsync()),
        "lives" => await TellAsync(Lives.RunAsync(pool, root, seed, acts)),
        "make" => await JustMade.MakeAsync(pool, root),
        "verify-made" => await JustMade.VerifyAsync(pool, root),
        "delete" => await SlowErasure.DeleteAsync(pool, root, policy),
        "publish" => await Steady.PublishAsync(pool, root),
        "examine" => await Steady.ExamineAsync(pool, root),
        "finish" => await SlowErasure.FinishAsync(pool, root),
        "search-new" => await SlowErasure.SearchNewAsync(pool, root),
        _ => await UsageAsync(),
    };
}
catch (ConformanceException failure)
{
    await Console.Error.WriteLineAsync(failure.Message);
    return 1;
}
catch (StorageException refusal)
{
    // The pool itself cannot be had: what a test of refusals waits for.
    await Console.Error.WriteLineAsync(refusal.Message);
    return 3;
}

static async Task<int> TellAsync(IAsyncEnumerable<Outcome> outcomes)
{
    int failed = 0, total = 0;
    await foreach (Outcome outcome in outcomes)
    {
        total++;
        failed += outcome.Failure is null ? 0 : 1;
        await Console.Out.WriteLineAsync(outcome.ToLine());
    }
    return failed == 0 && total > 0 ? 0 : 1;
}

static async Task<int> UsageAsync()
{
    await Console.Error.WriteLineAsync("usage: [suite|churn|lives|verify|make|verify-made|delete|finish|search-new|publish|examine] --root DIRECTORY --pool name=…,kind=…,size=… [--only SCENARIO]… [--seed NUMBER] [--acts NUMBER] [--dax POLICY]");
    return 2;
}
