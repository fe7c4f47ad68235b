using Cscm.Storage;

namespace Cscm.Bench.Pools.Inside;

/// <summary>The storage under measurement, called as the CSI services call it.</summary>
internal sealed class Driver(StorageHost host, string root, StepTimes steps)
{
    public const string XfsPool = "xfs", LvmPool = "lvm";

    public StepTimes Steps => steps;

    public IVolumeManager Manager => host.Manager;

    public static async Task<Driver> OpenAsync(string root)
    {
        var options = new StorageOptions
        {
            StateDirectory = Path.Combine(root, "state"),
            Pools =
            [
                new PoolOptions { Name = XfsPool, Kind = PoolKind.Xfs, SizeBytes = 1L << 40, Sources = [new PoolSource(PoolSourceKind.Namespace, "xfs")] },
                new PoolOptions { Name = LvmPool, Kind = PoolKind.Lvm, SizeBytes = 1L << 40, Sources = [new PoolSource(PoolSourceKind.Namespace, "lvm")] },
            ],
        };
        Directory.CreateDirectory(Path.Combine(root, "stages"));
        Directory.CreateDirectory(Path.Combine(root, "targets"));
        var steps = new StepTimes();
        return new Driver(await StorageHost.OpenAsync(options, steps, TimeProvider.System, Console.Error.WriteLine), root, steps);
    }

    public Task<VolumeInfo> CreateAsync(string name, long sizeBytes, string pool = XfsPool)
        => Manager.CreateVolumeAsync(new VolumeSpec { Name = name, Pool = pool, Size = new SizeRange(sizeBytes, 0) }, CancellationToken.None);

    /// <summary>Stages and publishes.</summary>
    public async Task<string> PublishAsync(VolumeInfo volume)
    {
        string stage = Path.Combine(root, "stages", volume.Id), target = Path.Combine(root, "targets", volume.Id);
        await host.Publisher.StageAsync(new StageRequest(volume.Id, stage, new MountOptions()), CancellationToken.None);
        await host.Publisher.PublishAsync(new PublishRequest(volume.Id, stage, target, false, new MountOptions()), CancellationToken.None);
        return target;
    }

    public async Task UnpublishAsync(VolumeInfo volume)
    {
        await host.Publisher.UnpublishAsync(volume.Id, Path.Combine(root, "targets", volume.Id), CancellationToken.None);
        await host.Publisher.UnstageAsync(volume.Id, Path.Combine(root, "stages", volume.Id), CancellationToken.None);
    }

    public Task DeleteAsync(VolumeInfo volume) => Manager.DeleteVolumeAsync(volume.Id, CancellationToken.None);

    public Task WhenErasedAsync() => host.WhenErasedAsync(CancellationToken.None);
}
