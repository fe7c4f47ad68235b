using YamlDotNet.RepresentationModel;

namespace Cscm.Chart.Tests;

/// <summary>Pods of rendered objects, whatever makes them.</summary>
internal static class Pods
{
    public static IEnumerable<YamlMappingNode> Workloads(IEnumerable<YamlMappingNode> objects) => objects.Where(item => item.Kind() is "Deployment" or "DaemonSet" or "StatefulSet" or "Job");

    public static IEnumerable<(YamlMappingNode Owner, YamlNode Pod)> Of(IEnumerable<YamlMappingNode> objects)
        => objects.Where(item => item.Kind() == "Pod").Select(item => (item, item.At("spec"))).Concat(Workloads(objects).Select(item => (item, item.At("spec", "template", "spec"))));
}
