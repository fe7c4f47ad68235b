using System.CommandLine;
using Cscm.Storage.Regions;

namespace Cscm.Cli.Regions;

/// <summary><c>cscm regions</c>: the storage class memory that this machine has.</summary>
internal static class RegionsCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "All that is known, as JSON" };
        var sysfs = new Option<string>("--sysfs") { Description = "Where sysfs is mounted", DefaultValueFactory = _ => "/sys" };
        var command = new Command("regions", "List regions, namespaces, device-dax and CXL memory devices") { json, sysfs, PrepareCommand.Create() };
        command.SetAction(parsed =>
        {
            Inventory inventory = new RegionReader(parsed.GetRequiredValue(sysfs)).Read();
            if (parsed.GetValue(json))
                Console.WriteLine(InventoryJson.Render(inventory));
            else
                InventoryTables.Write(inventory, Console.Out);
            foreach (string problem in inventory.Problems)
                Console.Error.WriteLine($"cscm regions: {problem}");
            return inventory.Problems.Count == 0 ? 0 : 1;
        });
        return command;
    }
}
