using Cscm.Bench.Memory;
using Cscm.Bench.Memory.Heaps;
using Cscm.Bench.Memory.Measuring;
using Cscm.Bench.Memory.Micro;
using Cscm.Bench.Memory.Stream;

const string Usage = """
    usage: cscm-bench-memory BENCHMARK [--OPTION VALUE]...
      stream    [--path DIRECTORY] [--elements N] [--rounds N]
      btree     [--path DIRECTORY] [--keys N] [--batch N] [--runs N]
      tx        [--path DIRECTORY] [--area-mib N] [--rounds N]
      alloc     [--path DIRECTORY] [--objects N] [--rounds N]
      recovery  [--path DIRECTORY] [--heap-gib N] [--rounds N]
      micro     [--path DIRECTORY]
    All but recovery and micro take --clock wall (the default) or --clock thread, which leaves out the time that other processes had.
    Every benchmark takes --peers DIRECTORY, where bench/peers/build has put the programs to compare with.
    """;

try
{
    if (args.Length == 0)
        throw new BenchException(Usage);
    var options = new BenchOptions(args.AsSpan(1));
    Clock.Choose(options);
    switch (args[0])
    {
        case "stream":
            StreamBench.Run(options);
            break;
        case "btree":
            BTreeBench.Run(options);
            break;
        case "tx":
            TxBench.Run(options);
            break;
        case "alloc":
            AllocBench.Run(options);
            break;
        case "recovery":
            RecoveryBench.Run(options);
            break;
        case "micro":
            CommitBenchmarks.Run(options);
            break;
        case "recovery-child":
            RecoveryBench.FillLogAndDie(options);
            break;
        default:
            throw new BenchException($"there is no benchmark '{args[0]}'\n{Usage}");
    }

    return 0;
}
catch (BenchException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}
