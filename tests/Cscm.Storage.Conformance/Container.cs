namespace Cscm.Storage.Conformance;

/// <summary>A container by crun, with busybox for a root and one volume in it.</summary>
internal static class Container
{
    /// <summary>Runs lines of shell in it.</summary>
    /// <returns>What they wrote.</returns>
    public static async Task<string> RunAsync(string bundle, string volume, string script)
    {
        string root = Path.Combine(bundle, "rootfs");
        Directory.CreateDirectory(Path.Combine(root, "bin"));
        Directory.CreateDirectory(Path.Combine(root, "volume"));
        string busybox = new[] { "/bin/busybox", "/usr/bin/busybox" }.First(File.Exists);
        File.Copy(busybox, Path.Combine(root, "bin/busybox"), overwrite: true);
        await File.WriteAllTextAsync(Path.Combine(root, "script"), "busybox --install -s /bin 2>/dev/null\n" + script);
        await File.WriteAllTextAsync(Path.Combine(bundle, "config.json"), $$"""
            {
              "ociVersion": "1.0.2",
              "process": { "terminal": false, "user": { "uid": 0, "gid": 0 }, "cwd": "/", "args": ["/bin/busybox", "sh", "/script"], "env": ["PATH=/bin"] },
              "root": { "path": "rootfs" },
              "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
                { "destination": "/volume", "source": "{{volume}}", "options": ["bind", "rw"] }
              ],
              "linux": { "namespaces": [ { "type": "pid" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }, { "type": "network" }, { "type": "cgroup" } ] }
            }
            """);
        return await Tool.MustRunAsync("crun", "run", "--bundle", bundle, Path.GetFileName(bundle));
    }
}
