using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Cscm.Machine;

/// <summary>The images of the machine's two read-only drives; of equal size, whatever they hold.</summary>
internal sealed record Drives(string Dotnet, string Payload)
{
    public static async Task<Drives> PrepareAsync(MachineFiles files, string? payloadDirectory, CancellationToken cancellationToken)
    {
        string empty = await PrepareImageAsync(files, "empty", _ => { }, cancellationToken);
        if (payloadDirectory is null)
            return new Drives(empty, empty);
        string runtime = Path.TrimEndingDirectorySeparator(Path.GetDirectoryName(typeof(object).Assembly.Location)!);
        string payload = Path.GetFullPath(payloadDirectory);
        return new Drives(
            await PrepareImageAsync(files, "dotnet-" + Path.GetFileName(runtime), root => CopyDotnet(runtime, root), cancellationToken),
            await PrepareImageAsync(files, "payload-" + HashOf(payload), root => CopyTree(payload, root), cancellationToken));
    }

    private static async Task<string> PrepareImageAsync(MachineFiles files, string name, Action<string> fill, CancellationToken cancellationToken)
    {
        string image = Path.Combine(files.Directory, name + ".img");
        using FileStream held = await Exclusive.TakeAsync(image + ".lock", cancellationToken);
        if (File.Exists(image))
            return image;
        string root = Directory.CreateTempSubdirectory("cscm-drive-").FullName;
        string incomplete = image + ".new";
        try
        {
            fill(root);
            using (FileStream file = File.Create(incomplete))
                file.SetLength(QemuArguments.DriveBytes);
            await MakeFileSystemAsync(incomplete, root, cancellationToken);
            File.Move(incomplete, image);
            RemoveOldPayloads(files);
            return image;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
            File.Delete(incomplete);
        }
    }

    /// <summary>Every build of the payload has an image of its own; a machine that still reads one keeps it open.</summary>
    private static void RemoveOldPayloads(MachineFiles files)
    {
        foreach (FileInfo old in new DirectoryInfo(files.Directory).EnumerateFiles("payload-*"))
        {
            if (old.LastWriteTimeUtc < TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(-1))
                old.Delete();
        }
    }

    private static async Task MakeFileSystemAsync(string image, string root, CancellationToken cancellationToken)
    {
        string tool = new[] { "/usr/sbin/mke2fs", "/sbin/mke2fs" }.FirstOrDefault(File.Exists) ?? "mke2fs";
        string[] arguments = ["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-E", "root_owner=0:0", "-d", root, image];
        using Process process = Process.Start(new ProcessStartInfo(tool, arguments) { UseShellExecute = false, RedirectStandardError = true })!;
        string error = await process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
            throw new MachineException($"mke2fs could not make {image}, which holds up to {QemuArguments.DriveBytes >> 20} MiB: {error}");
    }

    /// <summary>The part of this process's .NET that programs built on it need.</summary>
    private static void CopyDotnet(string runtime, string root)
    {
        string dotnet = Path.GetFullPath(Path.Combine(runtime, "..", "..", ".."));
        foreach (string part in new[] { "host", Path.GetRelativePath(dotnet, runtime), Path.Combine("shared", "Microsoft.AspNetCore.App", Path.GetFileName(runtime)) })
        {
            if (Directory.Exists(Path.Combine(dotnet, part)))
                CopyTree(Path.Combine(dotnet, part), Path.Combine(root, part));
        }
        File.Copy(Path.Combine(dotnet, "dotnet"), Path.Combine(root, "dotnet"));
    }

    private static void CopyTree(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string directory in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories))
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, directory)));
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
    }

    private static string HashOf(string directory)
    {
        IEnumerable<string> entries = new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories)
            .Select(file => $"{Path.GetRelativePath(directory, file.FullName)} {file.Length} {file.LastWriteTimeUtc.Ticks}")
            .Order(StringComparer.Ordinal);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', entries))))[..16];
    }
}
