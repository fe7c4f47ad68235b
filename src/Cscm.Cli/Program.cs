using System.CommandLine;
using Cscm.Cli.Bench;
using Cscm.Cli.Operator;
using Cscm.Cli.Regions;
using Cscm.Cli.Serve;

var root = new RootCommand("cscm: storage class memory for containers")
{
    ServeCommand.Create(),
    BenchCommand.Create(),
    RegionsCommand.Create(),
    ProbeCommand.Create(),
    ListingCommands.CreatePools(),
    ListingCommands.CreateVolumes(),
    VolumeCommands.Create(),
};
return await root.Parse(args).InvokeAsync();
