namespace Cscm.Storage.Regions.Tests;

/// <summary>
/// A sysfs of the test's own, made from a description: "@ directory" opens a directory, "= link" makes a link to it, "name: value"
/// an attribute of it (a path below it, if need be), "name -> directory" a link out of it. <c>\n</c> stands for a line end.
/// </summary>
internal sealed class FakeTree : IDisposable
{
    private FakeTree(string root) => Root = root;

    public string Root { get; }

    public static FakeTree Open(string name)
    {
        var tree = new FakeTree(Directory.CreateTempSubdirectory("cscm-sysfs-").FullName);
        string directory = tree.Root;
        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Trees", name + ".tree")))
        {
            if (line.StartsWith("@ ", StringComparison.Ordinal))
                Directory.CreateDirectory(directory = Path.Combine(tree.Root, line[2..]));
            else if (line.StartsWith("= ", StringComparison.Ordinal))
                Link(Path.Combine(tree.Root, line[2..]), directory);
            else if (line.Split(" -> ") is [string link, string target])
                Link(Path.Combine(directory, link), Path.Combine(tree.Root, target));
            else if (line.Length > 0 && line[0] != '#')
                Write(Path.Combine(directory, line[..line.IndexOf(':')]), line[(line.IndexOf(':') + 1)..].Trim());
        }
        return tree;
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static void Link(string path, string target)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // Relative, as the kernel's own are.
        Directory.CreateSymbolicLink(path, Path.GetRelativePath(Path.GetDirectoryName(path)!, target));
    }

    private static void Write(string path, string value)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, value.Replace("\\n", "\n", StringComparison.Ordinal) + "\n");
    }
}
