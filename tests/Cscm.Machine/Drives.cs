using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace Cscm.Machine;

/// <summary>The images of the machine's two read-only drives, of equal size, whatever they hold; and where machines that run them keep their state.</summary>
internal sealed record Drives(string Dotnet, string Payload, string StateDirectory)
{
    /// <summary>Payloads of other builds that are kept: of another checkout, or of before a change that is taken back.</summary>
    private const int KeptPayloads = 1;

    /// <summary>Held as long as this process lives: nobody removes what it uses.</summary>
    private static readonly ConcurrentDictionary<string, FileStream> s_used = new(StringComparer.Ordinal);

    public static async Task<Drives> PrepareAsync(MachineFiles files, string? payloadDirectory, CancellationToken cancellationToken)
    {
        if (payloadDirectory is null)
        {
            string empty = await PrepareImageAsync(files.Directory, "empty", _ => { }, cancellationToken);
            return new Drives(empty, empty, files.Directory);
        }
        string runtime = Path.TrimEndingDirectorySeparator(Path.GetDirectoryName(typeof(object).Assembly.Location)!);
        string payload = Path.GetFullPath(payloadDirectory), directory = Path.Combine(files.Directory, "payload-" + HashOf(payload));
        // One at a time: removes others' payloads and makes its own.
        using (await Exclusive.TakeAsync(Path.Combine(files.Directory, "payloads.lock"), cancellationToken))
        {
            if (!s_used.ContainsKey(directory))
            {
                RemoveUnused(files, directory);
                Directory.CreateDirectory(directory);
                s_used[directory] = new FileStream(InUse(directory), FileMode.OpenOrCreate, FileAccess.Read, FileShare.Read);
                Directory.SetLastWriteTimeUtc(directory, TimeProvider.System.GetUtcNow().UtcDateTime);
            }
        }
        return new Drives(
            await PrepareImageAsync(files.Directory, "dotnet-" + Path.GetFileName(runtime), root => CopyDotnet(runtime, root), cancellationToken),
            await PrepareImageAsync(directory, "payload", root => CopyTree(payload, root), cancellationToken),
            directory);
    }

    private static string InUse(string directory) => Path.Combine(directory, "in-use");

    private static async Task<string> PrepareImageAsync(string directory, string name, Action<string> fill, CancellationToken cancellationToken)
    {
        string image = Path.Combine(directory, name + ".img");
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
            return image;
        }
        finally
        {
            Directory.Delete(root, recursive: true);
            File.Delete(incomplete);
        }
    }

    /// <summary>Every build of the payload has an image and states of its own. Those of others go, but for the last and those that a process holds.</summary>
    private static void RemoveUnused(MachineFiles files, string mine)
    {
        foreach (DirectoryInfo other in new DirectoryInfo(files.Directory).GetDirectories("payload-*")
            .Where(other => other.FullName != mine).OrderByDescending(other => other.LastWriteTimeUtc).Skip(KeptPayloads))
        {
            try
            {
                using var unused = new FileStream(InUse(other.FullName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                other.Delete(recursive: true);
            }
            catch (IOException)
            {
                // A test run of another checkout uses it.
            }
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
