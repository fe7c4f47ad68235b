using Cscm.Demo.Machine;

namespace Cscm.Demo.Containers;

/// <summary>
/// A container's root: an overlay of the image and a layer of its own, as container engines make it; where the kernel refuses
/// that, a copy of the image. Lives until <see cref="RemoveAsync"/>.
/// </summary>
internal sealed class LayeredRoot
{
    private readonly string _directory;

    private LayeredRoot(string directory) => _directory = directory;

    public string Path => System.IO.Path.Combine(_directory, "root");

    /// <summary>Why this is a copy and not an overlay; null if it is an overlay.</summary>
    public string? Refusal { get; private init; }

    /// <param name="imageDirectory">The lower layer.</param>
    /// <param name="directory">For the upper layer; exists.</param>
    public static async Task<LayeredRoot> MakeAsync(string imageDirectory, string directory)
    {
        string upper = System.IO.Path.Combine(directory, "upper");
        string work = System.IO.Path.Combine(directory, "work");
        var root = new LayeredRoot(directory);
        foreach (string path in new[] { upper, work, root.Path })
            Directory.CreateDirectory(path);
        string layers = $"lowerdir={imageDirectory},upperdir={upper},workdir={work}";
        // In a user namespace the overlay may keep its marks only in user attributes.
        ToolResult result = await Tool.TryRunAsync("mount", "-t", "overlay", "-o", layers, "cscm-demo", root.Path);
        if (result.ExitCode != 0)
            result = await Tool.TryRunAsync("mount", "-t", "overlay", "-o", $"{layers},userxattr", "cscm-demo", root.Path);
        if (result.ExitCode == 0)
            return root;
        await Tool.RunAsync("cp", "--archive", "--no-target-directory", imageDirectory, root.Path);
        return new LayeredRoot(directory) { Refusal = $"no overlay here: {result.Complaint}" };
    }

    public async Task RemoveAsync()
    {
        if (Leftovers.Find(_directory).Count > 0)
            await Tool.RunAsync("umount", "--recursive", Path);
        Directory.Delete(_directory, recursive: true);
    }
}
