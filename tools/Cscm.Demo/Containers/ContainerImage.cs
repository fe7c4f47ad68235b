using Cscm.Demo.Machine;

namespace Cscm.Demo.Containers;

/// <summary>
/// A root file system made on the spot: <c>cscm</c> as published, the shared libraries that it needs, and empty directories. Containers
/// share it as the lower layer of theirs.
/// </summary>
internal static class ContainerImage
{
    public const string Program = "/cscm/cscm";

    /// <summary>In the container's own, layered storage.</summary>
    public const string OwnDirectory = "/own";

    private static readonly string[] s_emptyDirectories = ["/proc", "/dev", "/sys", "/tmp", "/etc", "/usr/bin", OwnDirectory];

    /// <summary>.NET computes hashes with OpenSSL, which it opens at run time: no binary's list of libraries tells of it.</summary>
    private static readonly string[] s_openedByName = ["libssl.so.3", "libcrypto.so.3"];

    /// <param name="directory">Where to make it; must not exist.</param>
    /// <param name="programDirectory">The published folder.</param>
    /// <param name="tools">Further programs, by their paths on this machine.</param>
    /// <param name="mountPoints">Paths in the image where volumes will be mounted.</param>
    public static async Task MakeAsync(string directory, string programDirectory, IEnumerable<string> tools, IEnumerable<string> mountPoints)
    {
        foreach (string empty in s_emptyDirectories.Concat(mountPoints))
            Directory.CreateDirectory(directory + empty);
        string target = directory + Path.GetDirectoryName(Program);
        Directory.CreateDirectory(target);
        var binaries = new List<string>();
        foreach (string file in Directory.EnumerateFiles(programDirectory).Where(IsNeeded))
        {
            Copy(file, Path.Combine(target, Path.GetFileName(file)));
            if (file.EndsWith(".so", StringComparison.Ordinal) || Path.GetFileName(file) == Path.GetFileName(Program))
                binaries.Add(file);
        }
        foreach (string tool in tools)
        {
            Copy(tool, directory + tool);
            binaries.Add(tool);
        }
        string[] opened = [.. await FindOpenedByNameAsync()];
        foreach (string library in opened.Concat(await FindLibrariesAsync([.. binaries, .. opened], programDirectory)))
            Copy(library, directory + library);
    }

    private static bool IsNeeded(string file)
        => Path.GetExtension(file) is not (".pdb" or ".xml") && Path.GetFileName(file) is not ("createdump" or "libcoreclrtraceptprovider.so");

    /// <returns>Where ldconfig(8) knows them to be; those that are missing are left out.</returns>
    private static async Task<IEnumerable<string>> FindOpenedByNameAsync()
    {
        string output = await Tool.RunAsync("ldconfig", "-p");
        return s_openedByName
            .Select(name => output.Split('\n').FirstOrDefault(line => line.TrimStart().StartsWith(name + " ", StringComparison.Ordinal)))
            .OfType<string>()
            .Select(line => line[(line.IndexOf("=> ", StringComparison.Ordinal) + 3)..]);
    }

    /// <returns>The closure, as ldd(1) tells it, of what the binaries link to outside their own folder.</returns>
    private static async Task<IReadOnlyCollection<string>> FindLibrariesAsync(IEnumerable<string> binaries, string programDirectory)
    {
        var found = new SortedSet<string>(StringComparer.Ordinal);
        string output = await Tool.RunAsync("ldd", [.. binaries]);
        foreach (string line in output.Split('\n'))
        {
            // "libm.so.6 => /lib/…/libm.so.6 (0x…)", or for the loader "/lib64/ld-linux-x86-64.so.2 (0x…)".
            int start = line.IndexOf('/');
            int end = line.LastIndexOf(" (", StringComparison.Ordinal);
            if (start >= 0 && end > start && !line[start..end].StartsWith(programDirectory, StringComparison.Ordinal))
                found.Add(line[start..end]);
        }
        return found;
    }

    private static void Copy(string file, string target)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.Copy(file, target, overwrite: true);
    }
}
