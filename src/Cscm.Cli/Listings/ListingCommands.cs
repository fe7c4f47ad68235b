using System.CommandLine;
using Cscm.Admin.V1;
using Cscm.Cli.Serve;

namespace Cscm.Cli.Listings;

/// <summary><c>cscm pools</c> and <c>cscm volumes</c>: what the driver of this machine holds.</summary>
internal static class ListingCommands
{
    public static Command CreatePools() => Create(
        "pools", "List the running driver's pools: space, largest volume, what is being erased, health",
        (endpoint, json) => DriverConnection.AskAsync(
            "pools", endpoint, admin => admin.ListPoolsAsync(new ListPoolsRequest()),
            response => Print(json, response, ListingJson.Render, ListingTables.Write)));

    public static Command CreateVolumes() => Create(
        "volumes", "List the running driver's volumes: size, where they are mounted, what was proven of their DAX, health",
        (endpoint, json) => DriverConnection.AskAsync(
            "volumes", endpoint, admin => admin.ListVolumesAsync(new ListVolumesRequest()),
            response => Print(json, response, ListingJson.Render, ListingTables.Write)));

    private static Command Create(string name, string description, Func<string, bool, Task<int>> run)
    {
        var endpoint = new Option<string>("--endpoint") { Description = "The driver's socket", DefaultValueFactory = _ => ServeSettings.DefaultEndpoint };
        var json = new Option<bool>("--json") { Description = "All that is known, as JSON" };
        var command = new Command(name, description) { endpoint, json };
        command.SetAction(parsed => run(parsed.GetRequiredValue(endpoint), parsed.GetValue(json)));
        return command;
    }

    private static void Print<T>(bool json, T response, Func<T, string> render, Action<T, TextWriter> write)
    {
        if (json)
            Console.WriteLine(render(response));
        else
            write(response, Console.Out);
    }
}
