using System.Collections.Concurrent;
using Cscm.Kubernetes;
using Cscm.Storage;

namespace Cscm.Csi.Node.Agent;

/// <summary>
/// Brings one volume to what its object asks for. Called for one volume at a time; may be repeated at any point, after any crash: the
/// local volumes are the truth about what exists, the object about what is wanted.
/// </summary>
/// <param name="objects">Its object.</param>
/// <param name="volumes">The local volumes.</param>
/// <param name="reporter">Publishes the capacity that is left.</param>
/// <param name="patience">How long the deletion of a volume in use is tried before its object says that it is refused.</param>
internal sealed class VolumeReconciler(ObjectWriter<ScmVolume> objects, IVolumeManager volumes, NodeReporter reporter, TimeSpan patience)
{
    private readonly ConcurrentDictionary<string, long> _refusedSince = new(StringComparer.Ordinal);

    /// <returns>Whether nothing is left to do until something changes.</returns>
    public async Task<bool> ReconcileAsync(string name, CancellationToken cancellationToken)
    {
        if (objects.Find(name) is not { } volume)
        {
            _refusedSince.TryRemove(name, out _);
            return true;
        }
        if (volume.Metadata.DeletionTimestamp is not null)
            return volume.Metadata.Finalizers?.Contains(ScmNames.Finalizer) != true || await DeleteAsync(volume, cancellationToken);
        return volume.Status?.Phase switch
        {
            null or ScmPhase.Pending => await CreateAsync(volume, cancellationToken),
            ScmPhase.Ready => await KeepAsync(volume, cancellationToken),
            _ => true,
        };
    }

    /// <summary>Volumes whose objects no longer say how they are.</summary>
    public IEnumerable<string> FindChanged(IEnumerable<ScmVolume> known)
    {
        Dictionary<string, VolumeInfo> local = volumes.ListVolumes().ToDictionary(volume => volume.Id, StringComparer.Ordinal);
        foreach (ScmVolume volume in known.Where(volume => volume is { Status.Phase: ScmPhase.Ready, Metadata.DeletionTimestamp: null }))
        {
            if (!VolumeStatuses.AreSame(volume.Status!, VolumeStatuses.Observe(volume, local.GetValueOrDefault(volume.Metadata.Name))))
                yield return volume.Metadata.Name;
        }
    }

    private async Task<bool> CreateAsync(ScmVolume volume, CancellationToken cancellationToken)
    {
        ScmVolumeStatus status;
        try
        {
            VolumeInfo made = await volumes.CreateVolumeAsync(VolumeOrders.ReadSpec(volume), cancellationToken);
            // The controller counts the volume from this answer; the node's own figures follow with the next scan, for all volumes till then.
            status = VolumeStatuses.Made(volume, made);
        }
        catch (StorageException e)
        {
            // Perhaps there is less room than was said.
            reporter.Nudge();
            status = VolumeStatuses.Refused(volume, e) with { Phase = ScmPhase.Failed };
        }
        if (await objects.WriteStatusAsync(volume, new ScmVolume { Status = status }, cancellationToken))
            return true;
        // The order was called off while it was carried out: no object will ever ask for the volume's end.
        if (status.Phase == ScmPhase.Ready && objects.Find(volume.Metadata.Name) is null)
            await volumes.DeleteVolumeAsync(volume.Metadata.Name, cancellationToken);
        return objects.Find(volume.Metadata.Name) is null;
    }

    private async Task<bool> DeleteAsync(ScmVolume volume, CancellationToken cancellationToken)
    {
        try
        {
            await volumes.DeleteVolumeAsync(volume.Metadata.Name, cancellationToken);
        }
        catch (StorageException e)
        {
            // The kubelet lets a pod's claim go before it has unstaged: a moment later the volume is free, and nobody need ask again.
            long now = TimeProvider.System.GetTimestamp();
            if (TimeProvider.System.GetElapsedTime(_refusedSince.GetOrAdd(volume.Metadata.Name, now), now) >= patience)
                await WriteIfChangedAsync(volume, VolumeStatuses.Refused(volume, e), cancellationToken);
            return false;
        }
        _refusedSince.TryRemove(volume.Metadata.Name, out _);
        reporter.Nudge();
        await objects.ReleaseAsync(volume, cancellationToken);
        return true;
    }

    /// <summary>Carries out changes of the spec, and writes down what changed by itself.</summary>
    private async Task<bool> KeepAsync(ScmVolume volume, CancellationToken cancellationToken)
    {
        string id = volume.Metadata.Name;
        ScmVolumeStatus status;
        try
        {
            if (volume.Status!.ObservedGeneration < (volume.Metadata.Generation ?? 0))
            {
                ExpandResult expanded = await volumes.ExpandVolumeAsync(id, new SizeRange(volume.Spec.RequiredBytes, volume.Spec.LimitBytes), cancellationToken);
                VolumeInfo current = await volumes.ModifyVolumeAsync(id, VolumeOrders.ReadChange(volume), cancellationToken);
                status = VolumeStatuses.Made(volume, current) with { NodeExpansionRequired = expanded.NodeExpansionRequired ? true : null };
                reporter.Nudge();
            }
            else
            {
                status = VolumeStatuses.Observe(volume, volumes.ListVolumes().FirstOrDefault(local => local.Id == id));
            }
        }
        catch (StorageException e)
        {
            // The volume is as it was; only the order failed.
            status = VolumeStatuses.Refused(volume, e);
        }
        await WriteIfChangedAsync(volume, status, cancellationToken);
        return true;
    }

    private async Task WriteIfChangedAsync(ScmVolume volume, ScmVolumeStatus status, CancellationToken cancellationToken)
    {
        if (volume.Status is null || !VolumeStatuses.AreSame(volume.Status, status))
            await objects.WriteStatusAsync(volume, new ScmVolume { Status = status }, cancellationToken);
    }
}
