using System.CommandLine;
using Cscm.Storage;
using Cscm.Storage.Regions;

namespace Cscm.Cli.Regions;

/// <summary><c>cscm regions prepare</c>: makes a region one that can be divided, after it has said what that costs.</summary>
internal static class PrepareCommand
{
    public static Command Create()
    {
        var region = new Argument<string>("region") { Description = "The kernel's name of the region, e.g. region0" };
        var yes = new Option<bool>("--yes") { Description = "Do it; without this, only say what would be lost" };
        var command = new Command("prepare", "Initialise the labels of a region's modules, so that pools can take shares of it; what its namespace holds is lost") { region, yes };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string name = parsed.GetRequiredValue(region);
            try
            {
                RegionPreparation plan = RegionPreparation.Plan(name, new RegionReader().Read());
                return await RunAsync(name, plan, parsed.GetValue(yes), cancellationToken);
            }
            catch (Exception exception) when (exception is StorageException or IOException)
            {
                await Console.Error.WriteLineAsync($"cscm regions prepare: {exception.Message}");
                return 2;
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(string name, RegionPreparation plan, bool isConfirmed, CancellationToken cancellationToken)
    {
        if (plan.Regions.Count == 0)
        {
            Console.WriteLine($"{name} is prepared already: nothing to do");
            return 0;
        }
        Console.WriteLine($"preparing {string.Join(", ", plan.Regions)} initialises the labels of {string.Join(", ", plan.Devices)}; {(isConfirmed ? "this is lost" : "this would be lost")}:");
        foreach (string loss in plan.Losses)
            Console.WriteLine($"  {loss}");
        if (!isConfirmed)
        {
            Console.WriteLine($"nothing was done: to do it, cscm regions prepare {name} --yes");
            return 1;
        }
        await plan.CarryOutAsync(cancellationToken);
        Console.WriteLine($"{string.Join(", ", plan.Regions)} can be divided now");
        return 0;
    }
}
