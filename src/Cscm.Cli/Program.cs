using System.CommandLine;
using Cscm.Cli.Bench;
using Cscm.Cli.Serve;

var root = new RootCommand("cscm: storage class memory for containers")
{
    ServeCommand.Create(),
    BenchCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
