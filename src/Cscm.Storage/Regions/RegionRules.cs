namespace Cscm.Storage.Regions;

/// <summary>What a region must be for namespaces to be carved from it.</summary>
internal static class RegionRules
{
    /// <exception cref="StorageException">FailedPrecondition, with what to do.</exception>
    public static void RequireCarvable(Region region, string pool)
    {
        string? problem = region switch
        {
            { Labels: LabelState.Blank } => $"has blank labels, so it cannot be divided: prepare it with cscm regions prepare {region.Name}, which says what would be lost",
            { Labels: LabelState.None, Namespaces: [{ BlockDevice: { } device }, ..] } => $"has no labels and cannot be divided: take the whole of it with source=/dev/{device}",
            { Labels: LabelState.None } => "has no labels and cannot be divided: take the whole of it by its device",
            { IsReadOnly: true } => "accepts no writes: see cscm regions for why",
            _ => null,
        };
        if (problem is not null)
            throw new StorageException(StorageErrorKind.FailedPrecondition, $"pool {pool}: {region.Name} {problem}");
    }
}
