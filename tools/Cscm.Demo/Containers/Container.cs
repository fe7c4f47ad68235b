using System.Diagnostics;
using Cscm.Demo.Machine;

namespace Cscm.Demo.Containers;

/// <summary>One container: a root of its own, volumes, and one command at a time. Not thread-safe.</summary>
internal sealed class Container : IAsyncDisposable
{
    private static readonly string[] s_harmlessDevices = ["/dev/null", "/dev/zero", "/dev/urandom"];

    private readonly ContainerHost _host;
    private readonly string _id;
    private readonly string _bundle;
    private readonly LayeredRoot _root;
    private readonly IReadOnlyList<ContainerMount> _mounts;
    private Process? _running;
    private bool _isRemoved;

    private Container(ContainerHost host, string id, string bundle, LayeredRoot root, IReadOnlyList<ContainerMount> mounts)
    {
        _host = host;
        _id = id;
        _bundle = bundle;
        _root = root;
        _mounts = mounts;
    }

    /// <summary>Null if its own storage is layered, as a container's is; else why not.</summary>
    public string? LayeringRefusal => _root.Refusal;

    public static async Task<Container> CreateAsync(ContainerHost host, string name, IReadOnlyList<ContainerMount> mounts)
    {
        string id = $"cscm-demo-{name}-{Environment.ProcessId}-{Guid.NewGuid():N}"[..40];
        string bundle = Path.Combine(host.WorkDirectory, "containers", name);
        Directory.CreateDirectory(bundle);
        LayeredRoot root = await LayeredRoot.MakeAsync(host.ImageDirectory, bundle);
        var container = new Container(host, id, bundle, root, mounts);
        if (host.Kind == RuntimeKind.Unshare)
            await container.BindIntoRootAsync();
        return container;
    }

    /// <summary>Runs <c>cscm</c> with these arguments to its end.</summary>
    /// <returns>Its standard output, line by line.</returns>
    /// <exception cref="DemoException">It failed.</exception>
    public async Task<string[]> RunAsync(params string[] arguments)
    {
        ToolResult result = await TryRunAsync(arguments);
        return result.ExitCode == 0
            ? result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            : throw new DemoException($"in the container, cscm {arguments[0]} {arguments.ElementAtOrDefault(1)} failed: {result.Complaint}");
    }

    public async Task<ToolResult> TryRunAsync(params string[] arguments)
    {
        Process process = Start(arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        var result = new ToolResult(process.ExitCode, output, await errors);
        Forget();
        return result;
    }

    /// <summary>Starts <c>cscm</c> with these arguments; the caller reads its output, and then waits or kills.</summary>
    public Process Start(params string[] arguments)
    {
        if (_running is not null)
            throw new InvalidOperationException("The container already runs a command.");
        _running = Process.Start(_host.Kind == RuntimeKind.Unshare ? PrepareNamespaces(arguments) : PrepareRuntime(arguments))!;
        _running.StandardInput.Close();
        return _running;
    }

    /// <summary>Waits until the command that was started ends.</summary>
    /// <returns>Its exit status.</returns>
    public async Task<int> WaitAsync()
    {
        if (_running is null)
            throw new InvalidOperationException("Nothing runs in the container.");
        await _running.WaitForExitAsync();
        int exitCode = _running.ExitCode;
        Forget();
        return exitCode;
    }

    /// <summary>Kills what runs in the container, with SIGKILL: no handler, no goodbye. Does not wait for its end.</summary>
    public async Task KillAsync()
    {
        if (_running is null)
            throw new InvalidOperationException("Nothing runs in the container.");
        if (_host.Kind == RuntimeKind.Unshare)
            _running.Kill();
        else
            await Tool.RunAsync(_host.RuntimeName, [.. _host.RuntimeOptions, "kill", _id, "KILL"]);
    }

    /// <summary>Destroys the container with all it stored outside its volumes.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_isRemoved)
            return;
        _isRemoved = true;
        // A runtime's delete also kills; and the command may just have ended by itself.
        if (_host.Kind == RuntimeKind.Unshare)
            _running?.Kill();
        else
            await Tool.TryRunAsync(_host.RuntimeName, [.. _host.RuntimeOptions, "delete", "--force", _id]);
        if (_running is not null)
            await _running.WaitForExitAsync();
        Forget();
        await _root.RemoveAsync();
    }

    private void Forget()
    {
        _running?.Dispose();
        _running = null;
    }

    private ProcessStartInfo PrepareRuntime(string[] arguments)
    {
        string configuration = OciConfiguration.Write(_root.Path, [ContainerImage.Program, .. arguments], _mounts, _host.CgroupOf(_id));
        File.WriteAllText(Path.Combine(_bundle, "config.json"), configuration);
        return Tool.Prepare(_host.RuntimeName, [.. _host.RuntimeOptions, "run", "--bundle", _bundle, _id]);
    }

    private ProcessStartInfo PrepareNamespaces(string[] arguments)
    {
        ProcessStartInfo start = Tool.Prepare(
            "unshare",
            [
                "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", $"--root={_root.Path}", "--mount-proc=/proc", "--",
                "/usr/bin/setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", ContainerImage.Program, .. arguments,
            ]);
        start.Environment.Clear();
        foreach ((string name, string value) in ContainerEnvironment.Variables)
            start.Environment[name] = value;
        return start;
    }

    /// <summary>What a runtime would mount, in the demo's own mount namespace; goes with the root.</summary>
    private async Task BindIntoRootAsync()
    {
        await Tool.RunAsync("mount", "-t", "tmpfs", "tmpfs", _root.Path + "/dev");
        foreach (string device in s_harmlessDevices)
        {
            File.Create(_root.Path + device).Dispose();
            await Tool.RunAsync("mount", "--bind", device, _root.Path + device);
        }
        foreach (ContainerMount mount in _mounts)
            await Tool.RunAsync("mount", "--bind", mount.HostPath, _root.Path + mount.ContainerPath);
    }
}
