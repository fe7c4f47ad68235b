using System.Security.Cryptography;
using System.Text;

namespace Cscm.Machine;

/// <summary>
/// The state of a machine right after boot, before it looked for storage class memory, so that it can be restored on any content of
/// it. The machine's memory is a file that every restored machine maps privately: restoring costs no more than starting QEMU.
/// </summary>
internal sealed record SavedState(string Directory)
{
    private string Memory => Path.Combine(Directory, "memory");
    private string Devices => Path.Combine(Directory, "devices");

    public RamBacking Ram => new(Memory, IsShared: false);

    /// <summary>Finds the state for these options, or boots a machine and saves it.</summary>
    public static async Task<SavedState> PrepareAsync(MachineOptions options, MachineFiles files, Drives drives, CancellationToken cancellationToken)
    {
        string directory = Path.Combine(files.Directory, "state-" + KeyOf(options, files));
        var state = new SavedState(directory);
        using FileStream held = await Exclusive.TakeAsync(directory + ".lock", cancellationToken);
        if (!System.IO.Directory.Exists(directory))
            await SaveAsync(options, files, drives, state, cancellationToken);
        return state;
    }

    public Task RestoreAsync(QemuProcess qemu, CancellationToken cancellationToken)
        => qemu.Control.MigrateAsync("migrate-incoming", Devices, cancellationToken);

    private static async Task SaveAsync(MachineOptions options, MachineFiles files, Drives drives, SavedState state, CancellationToken cancellationToken)
    {
        var incomplete = new SavedState(state.Directory + ".new");
        if (System.IO.Directory.Exists(incomplete.Directory))
            System.IO.Directory.Delete(incomplete.Directory, recursive: true);
        System.IO.Directory.CreateDirectory(incomplete.Directory);
        using var media = Media.Create(options);
        List<string> arguments = QemuArguments.Build(options, files, media.Paths, new RamBacking(incomplete.Memory, IsShared: true), drives);
        using (QemuProcess qemu = await QemuProcess.StartAsync(files, media.Paths, arguments, cancellationToken))
        {
            await Machines.BootAsync(qemu, cancellationToken);
            await qemu.Control.RunAsync("stop", null, cancellationToken);
            await qemu.Control.MigrateAsync("migrate", incomplete.Devices, cancellationToken);
            await qemu.QuitAsync(cancellationToken);
        }
        System.IO.Directory.Move(incomplete.Directory, state.Directory);
    }

    private static string KeyOf(MachineOptions options, MachineFiles files)
    {
        List<string> arguments = QemuArguments.Build(options, files, new MachinePaths("paths"), new RamBacking("ram", IsShared: false), new Drives("dotnet", "payload"));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', arguments))))[..16];
    }
}
