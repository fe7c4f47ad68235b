using System.Security.Cryptography;

namespace Cscm.Machine;

/// <summary>
/// A running machine. Commands may run in parallel; starting, cutting and plugging are for one caller at a time. Disposing it ends the
/// process and removes the content of its devices.
/// </summary>
public sealed class VirtualMachine : IAsyncDisposable
{
    /// <summary>Against what hangs: processors may be emulated, few and busy.</summary>
    private static readonly TimeSpan s_startLimit = TimeSpan.FromMinutes(10), s_commandLimit = TimeSpan.FromMinutes(5);

    private readonly MachineFiles _files;
    private readonly Drives _drives;
    private readonly Media _media;
    private readonly MachineOptions _options;
    private readonly StepLog _steps;
    private QemuProcess? _qemu;
    private int _plugged;

    internal VirtualMachine(MachineOptions options, MachineFiles files, Drives drives, Media media)
    {
        _options = options;
        _files = files;
        _drives = drives;
        _media = media;
        _steps = new StepLog(Path.GetFileName(media.Paths.Directory));
    }

    private QemuProcess Running => _qemu ?? throw new MachineException("the machine is off: start it again");

    /// <summary>Starts the machine after a power cut, on the content that its devices have.</summary>
    public async Task StartAgainAsync(CancellationToken cancellationToken = default)
    {
        if (_qemu is not null)
            throw new MachineException("the machine is running");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_startLimit);
        if (_options.ColdBoot)
        {
            await _steps.TimeAsync("(boot)", () => BootAsync(limit.Token));
            if (_options.PayloadDirectory is not null)
                await MustRunAsync("mount-payload");
        }
        else
            await _steps.TimeAsync("(restore)", () => RestoreAsync(limit.Token));
        _steps.Process = _qemu;
        await _steps.TimeAsync("(refresh)", () => Running.Agent.RefreshAsync(limit.Token));
        (await RunAsync(["start", $"{_options.Nvdimms.Count}", $"{_options.VirtioPmems.Count}", _options.Cxl is null ? "0" : "1"], cancellationToken: limit.Token)).EnsureSuccess();
    }

    /// <summary>Runs a command to its end.</summary>
    /// <param name="command">The program (found by PATH) and its arguments.</param>
    /// <param name="environment">Variables beside those that every command gets.</param>
    /// <param name="input">Standard input.</param>
    /// <param name="limit">Five minutes if null.</param>
    /// <param name="cancellationToken">Ends the wait, not the command.</param>
    /// <exception cref="MachineException">The machine ended, or the limit was reached.</exception>
    public async Task<ExecResult> RunAsync(
        IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment = null, ReadOnlyMemory<byte> input = default,
        TimeSpan? limit = null, CancellationToken cancellationToken = default)
    {
        QemuProcess qemu = Running;
        GuestProcess process = await StartProcessAsync(command, environment, input, cancellationToken);
        try
        {
            return await _steps.TimeAsync(
                string.Join(' ', command), () => process.WaitForExitAsync(cancellationToken).WaitAsync(limit ?? s_commandLimit, cancellationToken));
        }
        catch (TimeoutException exception)
        {
            throw new MachineException($"in the machine, '{string.Join(' ', command)}' did not end in time\n{process.Output}{process.Error}\n{qemu.Describe()}", exception);
        }
    }

    /// <summary>As <see cref="RunAsync"/>, but the command must succeed.</summary>
    /// <returns>What it wrote to standard output.</returns>
    public async Task<string> MustRunAsync(params string[] command) => (await RunAsync(command)).EnsureSuccess().Output;

    /// <summary>Runs lines of shell, which end at the first that fails; standard error shows how far they came.</summary>
    public async Task<string> MustRunScriptAsync(string script) => (await RunAsync(["sh", "-euxc", script])).EnsureSuccess().Output;

    /// <summary>Starts a command and returns while it runs.</summary>
    public Task<GuestProcess> StartProcessAsync(
        IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment = null, ReadOnlyMemory<byte> input = default,
        CancellationToken cancellationToken = default)
        => Running.Agent.StartAsync(command, environment, "/tmp", input, cancellationToken);

    /// <summary>Ends the machine between two instructions. Its devices keep what they hold.</summary>
    public Task PowerCutAsync()
    {
        _steps.Process = null;
        Running.Dispose();
        _qemu = null;
        return Task.CompletedTask;
    }

    /// <summary>Runs a command until its standard output holds a match, and cuts the power at that moment.</summary>
    public async Task RunUntilPowerCutAsync(IReadOnlyList<string> command, string pattern, CancellationToken cancellationToken = default)
    {
        GuestProcess process = await StartProcessAsync(command, cancellationToken: cancellationToken);
        await process.WaitForOutputAsync(pattern, cancellationToken).WaitAsync(s_commandLimit, cancellationToken);
        await PowerCutAsync();
    }

    /// <summary>SHA-256 of all that an NVDIMM holds, its labels included, by the host's processor; what the guest has not synced is not in it.</summary>
    public async Task<string> HashNvdimmAsync(int index, CancellationToken cancellationToken = default)
    {
        await using FileStream content = File.OpenRead(_media.Paths.Medium($"nvdimm{index}"));
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken));
    }

    /// <summary>As <see cref="HashNvdimmAsync(int, CancellationToken)"/>, of a part of it.</summary>
    /// <param name="index">The NVDIMM's number.</param>
    /// <param name="offsetBytes">From the start of what it holds, which is the start of its region.</param>
    /// <param name="lengthBytes">All of it must lie within the NVDIMM.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<string> HashNvdimmAsync(int index, long offsetBytes, int lengthBytes, CancellationToken cancellationToken = default)
    {
        await using FileStream content = File.OpenRead(_media.Paths.Medium($"nvdimm{index}"));
        content.Position = offsetBytes;
        byte[] part = new byte[lengthBytes];
        await content.ReadExactlyAsync(part, cancellationToken);
        return Convert.ToHexStringLower(SHA256.HashData(part));
    }

    /// <summary>Searches all that an NVDIMM holds for some bytes, by the host's processor and past the guest's caches.</summary>
    public async Task<bool> IsOnNvdimmAsync(int index, ReadOnlyMemory<byte> wanted, CancellationToken cancellationToken = default)
    {
        await using FileStream content = File.OpenRead(_media.Paths.Medium($"nvdimm{index}"));
        byte[] block = new byte[4 << 20];
        // What lies across two blocks is found in the second, which begins with the first one's end.
        for (int kept = 0, read; (read = await content.ReadAtLeastAsync(block.AsMemory(kept), block.Length - kept, throwOnEndOfStream: false, cancellationToken)) > 0;)
        {
            if (block.AsSpan(0, kept + read).IndexOf(wanted.Span) >= 0)
                return true;
            int end = kept + read;
            kept = wanted.Length - 1;
            block.AsSpan(end - kept, kept).CopyTo(block);
        }
        return false;
    }

    /// <summary>Plugs an NVDIMM into the running machine; it is not there any more after the next start.</summary>
    public async Task PlugAsync(Nvdimm nvdimm, CancellationToken cancellationToken = default)
    {
        int index = _options.Nvdimms.Count + _plugged++;
        string file = _media.Paths.Medium($"nvdimm{index}");
        Media.Allocate(file, nvdimm.FileBytes);
        await Hotplug.PlugAsync(Running.Control, nvdimm, index, file, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        _qemu?.Dispose();
        _qemu = null;
        _media.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task BootAsync(CancellationToken cancellationToken)
    {
        var memory = new RamBacking(_media.Paths.Medium("memory"), IsShared: true);
        _qemu = await QemuProcess.StartAsync(_files, _media.Paths, QemuArguments.Build(_options, _files, _media.Paths, memory, _drives), cancellationToken);
        await Machines.BootAsync(_qemu, cancellationToken);
        await PlugAllAsync(_qemu, cancellationToken);
    }

    private async Task RestoreAsync(CancellationToken cancellationToken)
    {
        SavedState state = await SavedState.PrepareAsync(_options, _files, _drives, cancellationToken);
        List<string> arguments = QemuArguments.Build(_options, _files, _media.Paths, state.Ram, _drives);
        _qemu = await QemuProcess.StartAsync(_files, _media.Paths, arguments.Concat(["-incoming", "defer"]), cancellationToken);
        await state.RestoreAsync(_qemu, cancellationToken);
        await PlugAllAsync(_qemu, cancellationToken);
        await _qemu.Control.RunAsync("cont", null, cancellationToken);
    }

    private async Task PlugAllAsync(QemuProcess qemu, CancellationToken cancellationToken)
    {
        for (int i = 0; i < _options.Nvdimms.Count; i++)
            await Hotplug.PlugAsync(qemu.Control, _options.Nvdimms[i], i, _media.Paths.Medium($"nvdimm{i}"), cancellationToken);
        for (int i = 0; i < _options.VirtioPmems.Count; i++)
            await Hotplug.PlugAsync(qemu.Control, _options.VirtioPmems[i], i, _media.Paths.Medium($"pmem{i}"), cancellationToken);
        if (_options.Cxl is { } cxl)
            await Hotplug.PlugAsync(qemu.Control, cxl, _media.Paths.Medium("cxl"), _media.Paths.Medium("cxl-labels"), cancellationToken);
    }
}
