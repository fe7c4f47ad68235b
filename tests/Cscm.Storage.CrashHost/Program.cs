// A driver to be killed. Runs one operation over each of several directories until each of them stands just before a chosen step,
// and then SIGKILLs itself: nothing of this process, no finally and no handler, runs after that, just as after a real kill -9.
// (Many directories in one process only because starting a process costs more than what is tested.)
//
//   CrashHost baseline ROOT SCENARIO            nobody is killed: prints the steps and the end state
//   CrashHost run      ROOT SCENARIO FROM TO    in a directory each, twice: set up, operate up to step FROM..TO-1, die
//   CrashHost recover  ROOT SCENARIO STEP       over what is there: recover up to step STEP and die; or, if no recovery has that many
//                                               steps, repeat the operation (in every other directory), print the states, take all down
//   CrashHost churn    ROOT SEED SECONDS        parallel workers over whole lives, until killed or time is up
using Cscm.Storage.CrashHost;

// Operations that stand still hold a thread each.
ThreadPool.SetMinThreads(128, 128);
string mode = args[0], root = args[1];
switch (mode)
{
    case "baseline":
        await new CrashRunner(root, args[2]).RunBaselineAsync();
        return 0;
    case "run":
        await new CrashRunner(root, args[2]).RunAndDieAsync(int.Parse(args[3]), int.Parse(args[4]));
        return 1;
    case "recover":
        await new CrashRunner(root, args[2]).RecoverAsync(int.Parse(args[3]));
        return 0;
    case "churn":
        await Churn.RunAsync(root, int.Parse(args[2]), TimeSpan.FromSeconds(double.Parse(args[3])));
        return 0;
    default:
        await Console.Error.WriteLineAsync($"unknown mode {mode}");
        return 2;
}
