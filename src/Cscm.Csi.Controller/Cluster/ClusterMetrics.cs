using Cscm.Csi.Metrics;
using Cscm.Kubernetes;

namespace Cscm.Csi.Controller.Cluster;

/// <summary>What the controller knows of the cluster. Thread-safe.</summary>
internal sealed class ClusterMetrics(ClusterController cluster, LeaderElection election) : IMetricsSource
{
    public void Write(MetricsText text)
    {
        text.Family("cscm_cluster_volumes", "gauge", "ScmVolumes that exist.").Sample("cscm_cluster_volumes", cluster.VolumeCount);
        text.Family("cscm_cluster_nodes", "gauge", "Nodes that published their pools.").Sample("cscm_cluster_nodes", cluster.NodeCount);
        text.Family("cscm_cluster_synced", "gauge", "1 once the cluster's objects were read.").Sample("cscm_cluster_synced", cluster.Synced.IsCompletedSuccessfully ? 1 : 0);
        text.Family("cscm_leader", "gauge", "1 while this replica leads.").Sample("cscm_leader", election.IsLeader ? 1 : 0);
    }
}
