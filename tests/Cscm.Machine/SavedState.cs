using System.Security.Cryptography;
using System.Text;

namespace Cscm.Machine;

/// <summary>
/// The state of a machine right after boot, with no storage class memory: what a test has is plugged into the restored machine, so that one
/// state serves them all. The machine's memory is a file that every restored machine maps privately: restoring costs no more than starting QEMU.
/// </summary>
internal sealed record SavedState(string Directory)
{
    /// <summary>Per program, as many processes as a scenario starts; a later one starts from cold.</summary>
    private static readonly (string Program, int Count)[] s_warm = [("cscm", 11), ("Cscm.Storage.Conformance", 6)];

    private const int SaveAttempts = 3;

    private string Memory => Path.Combine(Directory, "memory");
    private string Devices => Path.Combine(Directory, "devices");

    public RamBacking Ram => new(Memory, IsShared: false);

    /// <summary>Finds the state for these options, or boots a machine and saves it.</summary>
    public static async Task<SavedState> PrepareAsync(MachineOptions options, MachineFiles files, Drives drives, CancellationToken cancellationToken)
    {
        // What its platform promises, firmware tells when memory is plugged.
        options = options with { Persistence = PlatformPersistence.Unknown };
        string directory = Path.Combine(drives.StateDirectory, "state-" + KeyOf(options, files, drives));
        var state = new SavedState(directory);
        using FileStream held = await Exclusive.TakeAsync(directory + ".lock", cancellationToken);
        for (int attempt = 1; !System.IO.Directory.Exists(directory); attempt++)
        {
            try
            {
                await SaveAsync(options, files, drives, state, cancellationToken);
            }
            catch (MachineException) when (attempt < SaveAttempts)
            {
                // QEMU 10.0 with emulated processors may abort while a booting kernel places its devices (iotlb_to_section). Once more.
            }
        }
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
            if (options.PayloadDirectory is string payload)
                await PreparePayloadAsync(qemu, File.Exists(Path.Combine(payload, "warm")) ? s_warm : [], cancellationToken);
            await qemu.Control.RunAsync("stop", null, cancellationToken);
            await qemu.Control.MigrateAsync("migrate", incomplete.Devices, cancellationToken);
            await qemu.QuitAsync(cancellationToken);
        }
        System.IO.Directory.Move(incomplete.Directory, state.Directory);
    }

    /// <param name="qemu">The machine.</param>
    /// <param name="warm">Programs that have started already and wait to be asked for: tests/vm/guest/program.c.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private static async Task PreparePayloadAsync(QemuProcess qemu, (string Program, int Count)[] warm, CancellationToken cancellationToken)
    {
        foreach (string[] command in warm.Select(warm => new[] { "warm", warm.Program, $"{warm.Count}" }).Prepend(["mount-payload"]))
        {
            GuestProcess process = await qemu.Agent.StartAsync(command, null, "/tmp", default, cancellationToken);
            (await process.WaitForExitAsync(cancellationToken)).EnsureSuccess();
        }
    }

    private static string KeyOf(MachineOptions options, MachineFiles files, Drives drives)
    {
        List<string> arguments = QemuArguments.Build(options, files, new MachinePaths("paths"), new RamBacking("ram", IsShared: false), drives);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', arguments))))[..16];
    }
}
