using System.CommandLine;
using Cscm.Cli.Serve;

var root = new RootCommand("cscm: storage class memory for containers")
{
    ServeCommand.Create(),
};
return await root.Parse(args).InvokeAsync();
