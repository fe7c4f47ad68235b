using System.CommandLine;
using Cscm.Cli.Serve;

namespace Cscm.Cli.Operator;

/// <summary>Options that every command to a running driver has.</summary>
internal static class OperatorOptions
{
    public static Option<string> Endpoint() => new("--endpoint") { Description = "The driver's socket", DefaultValueFactory = _ => ServeSettings.DefaultEndpoint };
}
