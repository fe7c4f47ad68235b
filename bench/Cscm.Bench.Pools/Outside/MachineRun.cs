using Cscm.Machine;

namespace Cscm.Bench.Pools.Outside;

/// <summary>The machine that the measurements run in: one NVDIMM for the xfs pool, one for the lvm pool, one for blkdiscard.</summary>
internal static class MachineRun
{
    private const long GiB = 1L << 30;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    public static async Task<int> RunAsync(string streamProgram)
    {
        if (Machines.WhyUnavailable is string reason)
        {
            await Console.Error.WriteLineAsync($"needs a virtual machine: {reason}");
            return 3;
        }
        File.Copy(streamProgram, Path.Combine(AppContext.BaseDirectory, "stream"), overwrite: true);
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions
        {
            Nvdimms = [new Nvdimm(6 * GiB), new Nvdimm(2 * GiB), new Nvdimm(1 * GiB)],
            PayloadDirectory = AppContext.BaseDirectory,
        });
        await machine.MustRunScriptAsync("""
            ndctl disable-region all; ndctl init-labels all; ndctl enable-region all
            ndctl create-namespace --region=region0 --mode=fsdax --name=xfs
            ndctl create-namespace --region=region1 --mode=fsdax --name=lvm
            ndctl create-namespace --region=region2 --mode=fsdax --name=raw
            """);
        // The machine's settings of .NET are for short programs; a driver lives long.
        GuestProcess process = await machine.StartProcessAsync(["env", "-u", "DOTNET_TieredCompilation", "-u", "DOTNET_EnableDiagnostics", "Cscm.Bench.Pools", "--inside"]);
        ExecResult result = await process.WaitForExitAsync().WaitAsync(s_limit);
        await Console.Out.WriteAsync(result.Output);
        await Console.Error.WriteAsync(result.Error);
        return result.ExitCode;
    }
}
