using System.CommandLine;
using Cscm.Cli.Bench;
using Cscm.Cli.Operator;
using Cscm.Cli.Regions;
using Cscm.Cli.Serve;
using Cscm.Csi.Hosting;

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
ParseResult parsed = root.Parse(args);
return await parsed.InvokeAsync(parsed.CommandResult.Command.Name == ServeCommand.Name ? CsiServer.Invocation : null);
