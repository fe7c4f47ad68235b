namespace Cscm.Machine;

/// <summary>Starts machines.</summary>
public static class Machines
{
    /// <summary>Null when machines can be started here; otherwise why not and what would help, in one line.</summary>
    public static string? WhyUnavailable => MachineFiles.WhyUnavailable;

    /// <summary>Saves the state that machines with these options are restored from, if nobody has: what the first of them would do.</summary>
    /// <exception cref="MachineException">As <see cref="StartAsync"/>.</exception>
    public static async Task PrepareAsync(MachineOptions options, CancellationToken cancellationToken = default)
    {
        var files = MachineFiles.Get();
        await SavedState.PrepareAsync(options, files, await Drives.PrepareAsync(files, options.PayloadDirectory, cancellationToken), cancellationToken);
    }

    /// <summary>Restores a machine that is booted and has found its storage class memory; the first of its kind is booted and saved.</summary>
    /// <exception cref="MachineException">QEMU or the machine's kernel did not come up; the message holds what they said.</exception>
    public static async Task<VirtualMachine> StartAsync(MachineOptions options, CancellationToken cancellationToken = default)
    {
        var files = MachineFiles.Get();
        Drives drives = await Drives.PrepareAsync(files, options.PayloadDirectory, cancellationToken);
        var media = Media.Create(options);
        var machine = new VirtualMachine(options, files, drives, media);
        try
        {
            await machine.StartAgainAsync(cancellationToken);
            return machine;
        }
        catch
        {
            await machine.DisposeAsync();
            throw;
        }
    }

    internal static async Task BootAsync(QemuProcess qemu, CancellationToken cancellationToken)
    {
        try
        {
            await qemu.Agent.WaitUntilReadyAsync(cancellationToken);
        }
        catch (MachineException exception)
        {
            throw new MachineException($"the machine did not boot; {qemu.Describe()}", exception);
        }
    }
}
