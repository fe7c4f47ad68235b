// Starts a machine with NVDIMMs, runs itself in it, and prints what it says: a table, and one last line of name=value pairs.
//   Cscm.Bench.Pools --stream PROGRAM    on the host: PROGRAM is bench/peers/stream.c, built to run in the machine
//   Cscm.Bench.Pools --inside            in the machine
using Cscm.Bench.Pools.Inside;
using Cscm.Bench.Pools.Outside;

switch (args)
{
    case ["--inside"]:
        await new Measurements().RunAsync();
        return 0;
    case ["--stream", string stream]:
        return await MachineRun.RunAsync(stream);
    default:
        await Console.Error.WriteLineAsync("run bench/pools, which builds what this needs");
        return 2;
}
