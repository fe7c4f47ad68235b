using System.CommandLine;
using Cscm.Cli.Serve;
using Cscm.Csi.Hosting;
using Csi.V1;
using Mode = Csi.V1.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Cscm.Cli.Operator;

/// <summary><c>cscm volume</c>: one volume's life by hand, over the same calls that an orchestrator makes.</summary>
internal static class VolumeCommands
{
    private const string Block = "block";

    public static Command Create() => new("volume", "Create, mount, unmount and delete a volume by hand") { CreateCommand(), MountCommand(), UnmountCommand(), DeleteCommand() };

    private static Command CreateCommand()
    {
        var name = new Argument<string>("name") { Description = "Its name; asking again for the same finds it" };
        var size = new Argument<string>("size") { Description = "At least this much is usable, such as 10Gi" };
        var pool = new Option<string?>("--pool") { Description = "Default: the driver's default pool" };
        var format = new Option<string>("--format") { Description = "ext4, xfs, or block; default: the pool's", DefaultValueFactory = _ => "" };
        var dax = new Option<string?>("--dax") { Description = "required, preferred or never; default: required on storage class memory" };
        Option<string> endpoint = OperatorOptions.Endpoint();
        var command = new Command("create", "Make a volume and print its id") { name, size, pool, format, dax, endpoint };
        command.SetAction(parsed => DriverConnection.UseAsync("volume create", parsed.GetRequiredValue(endpoint), async driver =>
        {
            var request = new CreateVolumeRequest
            {
                Name = parsed.GetRequiredValue(name),
                CapacityRange = new CapacityRange { RequiredBytes = PoolFields.ParseSize(parsed.GetRequiredValue(size)) },
                VolumeCapabilities = { Capability(parsed.GetRequiredValue(format)) },
            };
            if (parsed.GetValue(pool) is string chosen)
                request.Parameters["pool"] = chosen;
            if (parsed.GetValue(dax) is string policy)
                request.Parameters["dax"] = policy;
            Console.WriteLine((await driver.Controller.CreateVolumeAsync(request)).Volume.VolumeId);
        }));
        return command;
    }

    private static Command MountCommand()
    {
        Argument<string> volume = Volume();
        Argument<string> directory = Target();
        Option<string> endpoint = OperatorOptions.Endpoint();
        var isReadOnly = new Option<bool>("--read-only") { Description = "Nothing can be written there" };
        var command = new Command("mount", "Stage a volume and publish it at a directory (block: at a file)") { volume, directory, isReadOnly, endpoint };
        command.SetAction(parsed => DriverConnection.UseAsync("volume mount", parsed.GetRequiredValue(endpoint), async driver =>
        {
            Admin.V1.Volume known = await FindAsync(driver, parsed.GetRequiredValue(volume));
            string staging = StagingPath(parsed.GetRequiredValue(endpoint), known.Id);
            VolumeCapability capability = Capability(known.FileSystem.Length > 0 ? known.FileSystem : Block);
            Directory.CreateDirectory(staging);
            await driver.Node.NodeStageVolumeAsync(new NodeStageVolumeRequest { VolumeId = known.Id, StagingTargetPath = staging, VolumeCapability = capability });
            await driver.Node.NodePublishVolumeAsync(new NodePublishVolumeRequest
            {
                VolumeId = known.Id,
                StagingTargetPath = staging,
                TargetPath = Path.GetFullPath(parsed.GetRequiredValue(directory)),
                VolumeCapability = capability,
                Readonly = parsed.GetValue(isReadOnly),
            });
        }));
        return command;
    }

    private static Command UnmountCommand()
    {
        Argument<string> volume = Volume();
        Argument<string> directory = Target();
        Option<string> endpoint = OperatorOptions.Endpoint();
        var command = new Command("unmount", "Take a volume away from a directory, and unstage it with the last one") { volume, directory, endpoint };
        command.SetAction(parsed => DriverConnection.UseAsync("volume unmount", parsed.GetRequiredValue(endpoint), async driver =>
        {
            string id = parsed.GetRequiredValue(volume);
            await driver.Node.NodeUnpublishVolumeAsync(new NodeUnpublishVolumeRequest { VolumeId = id, TargetPath = Path.GetFullPath(parsed.GetRequiredValue(directory)) });
            Admin.V1.Volume known = await FindAsync(driver, id);
            string staging = StagingPath(parsed.GetRequiredValue(endpoint), id);
            if (known.TargetPaths.Count > 0 || known.StagingPath != staging)
                return;
            await driver.Node.NodeUnstageVolumeAsync(new NodeUnstageVolumeRequest { VolumeId = id, StagingTargetPath = staging });
            Directory.Delete(staging);
        }));
        return command;
    }

    private static Command DeleteCommand()
    {
        Argument<string> volume = Volume();
        Option<string> endpoint = OperatorOptions.Endpoint();
        var command = new Command("delete", "Delete a volume; its space is zeroed behind the command") { volume, endpoint };
        command.SetAction(parsed => DriverConnection.UseAsync(
            "volume delete", parsed.GetRequiredValue(endpoint),
            async driver => await driver.Controller.DeleteVolumeAsync(new DeleteVolumeRequest { VolumeId = parsed.GetRequiredValue(volume) })));
        return command;
    }

    private static async Task<Admin.V1.Volume> FindAsync(DriverConnection driver, string id)
        => (await driver.Admin.ListVolumesAsync(new Admin.V1.ListVolumesRequest())).Volumes.FirstOrDefault(volume => volume.Id == id)
            ?? throw new UsageException($"there is no volume {id}: `cscm volumes` lists them");

    /// <summary>Beside the socket: as short-lived as the mounts themselves.</summary>
    private static string StagingPath(string endpoint, string volumeId)
        => Path.Combine(Path.GetDirectoryName(new ServeSettings { Endpoint = endpoint }.SocketPath)!, "staging", volumeId);

    private static VolumeCapability Capability(string format)
    {
        var capability = new VolumeCapability { AccessMode = new() { Mode = Mode.SingleNodeWriter } };
        if (format == Block)
            capability.Block = new();
        else
            capability.Mount = new() { FsType = format };
        return capability;
    }

    private static Argument<string> Volume() => new("id") { Description = "The volume's id" };

    private static Argument<string> Target() => new("path") { Description = "Where its consumer will see it; the parent must exist" };
}
