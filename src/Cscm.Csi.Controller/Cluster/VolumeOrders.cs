using Cscm.Kubernetes;
using Cscm.Storage;
using Cscm.Storage.State;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>Creates, deletes and changes volumes by their custom resources. Every order may be repeated, on any replica.</summary>
internal sealed class VolumeOrders(ClusterState state, Orders<ScmVolume> orders, NodeChooser chooser)
{
    /// <summary>Nodes that are tried in one call when those before had less room than they had said.</summary>
    private const int MaximumNodes = 3;

    public async Task<VolumeInfo> CreateAsync(VolumeSpec spec, NodeTerms where, CancellationToken cancellationToken)
    {
        string id = ObjectIds.Volume(spec.Name);
        var refusals = new List<(string Node, StorageException Refusal)>();
        while (true)
        {
            bool isNew = false;
            ScmVolume? volume = state.Volumes.Find(id);
            if (volume is null)
            {
                Place place = ChoosePlace(spec, where, refusals);
                (volume, isNew) = await orders.PlaceAsync(ClusterViews.ToObject(id, spec, place.Node, place.Pool.Length == 0 ? null : place.Pool), cancellationToken);
            }
            // One that its node has not made yet may still be called off, if the caller meanwhile wants it elsewhere.
            bool isMisplaced = volume.Status?.Phase != ScmPhase.Ready && !where.Admits(volume.Spec.Node);
            if (!isMisplaced && volume.Metadata.DeletionTimestamp is null && volume.Status?.Phase != ScmPhase.Failed)
            {
                RequireCompatible(volume, spec, where);
                volume = await orders.AwaitAsync(volume, current => current.Metadata.DeletionTimestamp is not null || current.Status?.Phase is ScmPhase.Ready or ScmPhase.Failed, cancellationToken);
            }
            if (volume is { Status.Phase: ScmPhase.Ready, Metadata.DeletionTimestamp: null })
            {
                RequireCompatible(volume, spec, where);
                return ClusterViews.ToInfo(volume);
            }
            if (volume is null)
                continue;
            // Failed, or on its way out: nothing of it may be left before the name is used again.
            await orders.EndAsync(volume, volume.Spec.Node, RefusalOf, cancellationToken);
            if (isNew && volume.Status is { Phase: ScmPhase.Failed } failure)
                refusals.Add((volume.Spec.Node, ClusterViews.ToRefusal(failure.Code, failure.Message, volume.Spec.Node)));
        }
    }

    public async Task DeleteAsync(string id, CancellationToken cancellationToken)
    {
        if (await orders.FindAsync(id, cancellationToken) is { } volume)
            await orders.EndAsync(volume, volume.Spec.Node, RefusalOf, cancellationToken);
    }

    public async Task<ExpandResult> ExpandAsync(string id, SizeRange size, CancellationToken cancellationToken)
    {
        ScmVolume volume = Require(id);
        if (volume.Status!.CapacityBytes < size.RequiredBytes || (size.LimitBytes > 0 && volume.Status.CapacityBytes > size.LimitBytes))
        {
            volume = await ChangeAsync(
                volume, spec => spec with { RequiredBytes = size.RequiredBytes, LimitBytes = size.LimitBytes, Request = spec.Request + 1 }, cancellationToken);
        }
        return new ExpandResult(volume.Status!.CapacityBytes, volume.Status.NodeExpansionRequired ?? false);
    }

    public async Task<VolumeInfo> ModifyAsync(string id, VolumeSettingsChange change, CancellationToken cancellationToken)
    {
        ScmVolume volume = Require(id);
        string erase = change.Erase?.ToString() ?? volume.Spec.Erase;
        string? hugePages = change.HugePages?.ToString() ?? volume.Spec.HugePages;
        bool isAsWanted = volume.Spec.Erase == erase && volume.Spec.HugePages == hugePages && volume.Status!.Code == ScmCode.Ok
            && volume.Status.ObservedGeneration >= (volume.Metadata.Generation ?? 0);
        if (!isAsWanted)
            volume = await ChangeAsync(volume, spec => spec with { Erase = erase, HugePages = hugePages, Request = spec.Request + 1 }, cancellationToken);
        return ClusterViews.ToInfo(volume);
    }

    /// <summary>A volume that exists for callers.</summary>
    public ScmVolume Require(string id)
        => state.Volumes.Find(id) is { Status.Phase: ScmPhase.Ready } volume ? volume : throw new StorageException(StorageErrorKind.NotFound, $"volume {id} does not exist");

    private static StorageException? RefusalOf(ScmVolume volume, long generation)
        => volume.Status is { } status && status.ObservedGeneration >= generation && status.Code != ScmCode.Ok
            ? ClusterViews.ToRefusal(status.Code, status.Message, volume.Spec.Node)
            : null;

    private static void RequireCompatible(ScmVolume volume, VolumeSpec spec, NodeTerms where)
    {
        if (ClusterViews.FindDifference(volume, spec, where) is string difference)
        {
            throw new StorageException(
                StorageErrorKind.AlreadyExists,
                $"a volume named {spec.Name} exists and differs from the one asked for: {difference}; choose another name, or delete volume {volume.Metadata.Name}");
        }
    }

    /// <summary>Changes the spec and waits for the node's answer to it.</summary>
    private async Task<ScmVolume> ChangeAsync(ScmVolume volume, Func<ScmVolumeSpec, ScmVolumeSpec> change, CancellationToken cancellationToken)
    {
        ScmVolume? written = await orders.ChangeAsync(volume, current => current with { Spec = change(current.Spec) }, cancellationToken);
        long generation = written?.Metadata.Generation ?? 0;
        ScmVolume? answered = written is null
            ? null
            : await orders.AwaitAsync(written, current => current.Status?.ObservedGeneration >= generation, cancellationToken);
        if (answered is null)
            throw new StorageException(StorageErrorKind.NotFound, $"volume {volume.Metadata.Name} was deleted");
        return answered.Status!.Code == ScmCode.Ok ? answered : throw ClusterViews.ToRefusal(answered.Status.Code, answered.Status.Message, answered.Spec.Node);
    }

    private Place ChoosePlace(VolumeSpec spec, NodeTerms where, List<(string Node, StorageException Refusal)> refusals)
    {
        // Only for lack of room is another node any better.
        if (refusals.Count > 0 && (refusals[^1].Refusal.Kind != StorageErrorKind.ResourceExhausted || spec.Source is not null || refusals.Count >= MaximumNodes))
            throw refusals[^1].Refusal;
        if (spec.Source is { } source)
            return PlaceOfSource(spec, source, where);
        IEnumerable<Place> untried = chooser.Choose(spec, where).Where(place => refusals.TrueForAll(refusal => refusal.Node != place.Node));
        return untried.FirstOrDefault() ?? throw refusals[^1].Refusal;
    }

    /// <summary>A copy is made where its source is.</summary>
    private Place PlaceOfSource(VolumeSpec spec, ContentSource source, NodeTerms where)
    {
        string? node = source.Kind == ContentSourceKind.Volume
            ? state.Volumes.Find(source.Id) is { Status.Phase: ScmPhase.Ready } volume ? volume.Spec.Node : null
            : state.FindSnapshot(source.Id)?.Spec.Node;
        if (node is null)
            throw new StorageException(StorageErrorKind.NotFound, $"source {source.Kind.ToString().ToLowerInvariant()} {source.Id} does not exist");
        return where.Admits(node) ? new Place(node, spec.Pool ?? "") : throw new StorageException(
            StorageErrorKind.ResourceExhausted, $"the content source {source.Id} is on node {node}, which the topology does not admit: a copy is made where its source is");
    }
}
