namespace Cscm.Csi.Metrics;

/// <summary>What the process itself takes of its machine, under the names that Prometheus' client libraries give. Thread-safe.</summary>
public sealed class ProcessMetrics : IMetricsSource
{
    public void Write(MetricsText text)
        => text.Family("process_resident_memory_bytes", "gauge", "Resident memory, mapped files included.")
            .Sample("process_resident_memory_bytes", Environment.WorkingSet);
}
