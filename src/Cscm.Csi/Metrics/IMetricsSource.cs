namespace Cscm.Csi.Metrics;

/// <summary>Something whose state is worth a graph. Called for each scrape; thread-safe.</summary>
public interface IMetricsSource
{
    public void Write(MetricsText text);
}
