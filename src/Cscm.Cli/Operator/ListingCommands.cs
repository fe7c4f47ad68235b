using System.CommandLine;
using Cscm.Admin.V1;

namespace Cscm.Cli.Operator;

/// <summary><c>cscm pools</c> and <c>cscm volumes</c>: what the driver of this machine holds.</summary>
internal static class ListingCommands
{
    public static Command CreatePools() => Create(
        "pools", "List the running driver's pools: space, largest volume, what is being erased, health",
        async (driver, json) => Print(json, await driver.Admin.ListPoolsAsync(new ListPoolsRequest()), ListingJson.Render, ListingTables.Write));

    public static Command CreateVolumes() => Create(
        "volumes", "List the running driver's volumes: size, where they are mounted, what was proven of their DAX, health",
        async (driver, json) => Print(json, await driver.Admin.ListVolumesAsync(new ListVolumesRequest()), ListingJson.Render, ListingTables.Write));

    private static Command Create(string name, string description, Func<DriverConnection, bool, Task> run)
    {
        Option<string> endpoint = OperatorOptions.Endpoint();
        var json = new Option<bool>("--json") { Description = "All that is known, as JSON" };
        var command = new Command(name, description) { endpoint, json };
        command.SetAction(parsed => DriverConnection.UseAsync(name, parsed.GetRequiredValue(endpoint), driver => run(driver, parsed.GetValue(json))));
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
