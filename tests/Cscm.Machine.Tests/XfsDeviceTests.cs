namespace Cscm.Machine.Tests;

/// <summary>Which devices an xfs pool takes: blank ones and its own.</summary>
public sealed class XfsDeviceTests : IClassFixture<SavedMachine>
{
    private const long Mib = 1L << 20;
    private const string Life = "a_volume_is_created_staged_published_measured_and_taken_away";
    private const string AtRest = "a_volume_at_rest_is_copied", InUse = "a_clone_and_its_source_go_separate_ways";

    [MachineTheory]
    [InlineData("mkfs.ext4 -q -b 4096", "ext4", "is not blank")]
    [InlineData("mkfs.xfs -q -f", "xfs", "holds an XFS that is not the pool's")]
    public async Task A_device_that_holds_something_is_refused_and_stays_as_it_was(string make, string fileSystem, string reason)
    {
        await using VirtualMachine machine = await StartAsync();
        await machine.MustRunScriptAsync($"ndctl create-namespace --region=region0 --mode=fsdax; {make} /dev/pmem0; sync");
        string before = await machine.HashNvdimmAsync(0);
        Assert.Contains(reason, (await RunAsync(machine, "/tmp/one")).Error, StringComparison.Ordinal);
        await machine.MustRunScriptAsync($"sync; blkid /dev/pmem0 | grep -q {fileSystem}");
        Assert.Equal(before, await machine.HashNvdimmAsync(0));
    }

    [MachineFact]
    public async Task A_pool_takes_a_blank_device_and_finds_it_again_mounted_or_not()
    {
        await using VirtualMachine machine = await StartAsync();
        await machine.MustRunScriptAsync("ndctl create-namespace --region=region0 --mode=fsdax");
        (await RunAsync(machine, "/tmp/one")).EnsureSuccess();
        // Another start over what is mounted, and one over what is not.
        (await RunAsync(machine, "/tmp/one")).EnsureSuccess();
        await machine.MustRunScriptAsync("umount /tmp/one/state/pools/fast/medium");
        (await RunAsync(machine, "/tmp/one")).EnsureSuccess();
    }

    [MachineFact]
    public async Task A_driver_without_the_state_of_the_pools_own_is_refused()
    {
        await using VirtualMachine machine = await StartAsync();
        await machine.MustRunScriptAsync("ndctl create-namespace --region=region0 --mode=fsdax");
        (await RunAsync(machine, "/tmp/one")).EnsureSuccess();
        await machine.MustRunScriptAsync("umount /tmp/one/state/pools/fast/medium");
        string refusal = (await RunAsync(machine, "/tmp/other")).Error;
        Assert.Contains("holds a pool of another driver", refusal, StringComparison.Ordinal);
        Assert.Contains("restore that driver's state directory", refusal, StringComparison.Ordinal);
    }

    [MachineFact]
    public async Task Power_that_went_while_data_was_in_flight_is_found_once()
    {
        await using VirtualMachine machine = await StartAsync();
        await machine.MustRunScriptAsync("ndctl create-namespace --region=region0 --mode=fsdax");
        string[] pool = ["--root", "/tmp/one", "--pool", "name=fast,kind=xfs,size=1073741824,source=/dev/pmem0"];
        await CountShutdownsAsync(3);
        (await machine.RunAsync(["Cscm.Storage.Conformance", "publish", .. pool])).EnsureSuccess();
        await CountShutdownsAsync(4);
        Assert.Matches("^pool Degraded UnsafeShutdown power went while data was on its way to region0.*check the volumes there", (await ExamineAsync()).Output);
        Assert.Equal("", (await ExamineAsync()).Output);

        async Task<ExecResult> ExamineAsync() => (await machine.RunAsync(["Cscm.Storage.Conformance", "examine", .. pool])).EnsureSuccess();

        // QEMU's modules do not count: their firmware has no such function. Over what the kernel shows of the module, the same with a count.
        Task<string> CountShutdownsAsync(int count) => machine.MustRunScriptAsync($"""
            shown=/sys/bus/nd/devices/nmem0/nfit
            if [ ! -e $shown/dirty_shutdown ]; then
              mkdir /tmp/nfit; (cd $shown; for attribute in id flags; do cat $attribute >/tmp/nfit/$attribute; done); mount --bind /tmp/nfit $shown
            fi
            echo {count} >$shown/dirty_shutdown
            """);
    }

    [MachineFact]
    public async Task An_nvdimm_that_was_plugged_in_serves_as_a_pool()
    {
        await using VirtualMachine machine = await StartAsync();
        await machine.PlugAsync(new Nvdimm(512 * Mib));
        await machine.MustRunScriptAsync("""
            for i in $(seq 100); do [ ! -e /sys/bus/nd/devices/region1 ] || break; sleep 0.1; done
            ndctl disable-region region1; ndctl init-labels nmem1; ndctl enable-region region1
            ndctl create-namespace --region=region1 --mode=fsdax --name=plugged
            """);
        (await RunAsync(machine, "/tmp/one", "namespace:plugged")).EnsureSuccess();
    }

    [MachineFact]
    public async Task Where_files_cannot_share_blocks_volumes_are_copied_at_rest_and_those_in_use_refused()
    {
        await using VirtualMachine machine = await StartAsync();
        await machine.MustRunScriptAsync("ndctl create-namespace --region=region0 --mode=fsdax");
        (await RunAsync(machine, "/tmp/one")).EnsureSuccess();
        // As an older kernel would have made it, and otherwise the same pool.
        await machine.MustRunScriptAsync("""
            umount /tmp/one/state/pools/fast/medium
            id=$(blkid -o value -s UUID /dev/pmem0); label=$(blkid -o value -s LABEL /dev/pmem0)
            mkfs.xfs -q -f -K -L "$label" -m uuid=$id,reflink=0 -d su=2m,sw=1,agcount=2 /dev/pmem0
            """);
        ExecResult result = await RunAsync(machine, "/tmp/one", "/dev/pmem0", AtRest, InUse);
        Assert.Contains($"pass {AtRest} ", result.Output, StringComparison.Ordinal);
        Assert.Matches($"fail {InUse} [0-9]+ .*can copy it only at rest because files of its file system cannot share blocks", result.Output);
    }

    [MachineFact]
    public async Task Blocks_of_the_medium_that_cannot_be_read_are_found()
    {
        await using VirtualMachine machine = await StartAsync();
        await machine.MustRunScriptAsync("ndctl create-namespace --region=region0 --mode=fsdax");
        string[] pool = ["--root", "/tmp/one", "--pool", "name=fast,kind=xfs,size=1073741824,source=/dev/pmem0"];
        (await machine.RunAsync(["Cscm.Storage.Conformance", "publish", .. pool])).EnsureSuccess();
        Assert.Equal("", (await machine.RunAsync(["Cscm.Storage.Conformance", "examine", .. pool])).EnsureSuccess().Output);
        // As the driver of a module that found them would: the kernel refuses to read them from then on.
        await machine.MustRunScriptAsync("""
            last=$(($(cat /sys/block/pmem0/size) - 8)); echo "$last 8" >/sys/block/pmem0/badblocks
            ! dd if=/dev/pmem0 of=/dev/null bs=512 skip="$last" count=8 iflag=direct
            """);
        Assert.Matches("^pool Degraded BadBlocks 1 runs of /dev/pmem0 .*restore what lies there", (await machine.RunAsync(["Cscm.Storage.Conformance", "examine", .. pool])).EnsureSuccess().Output);
    }

    [MachineFact]
    public async Task Virtio_pmem_is_refused_where_dax_is_required()
    {
        await using VirtualMachine machine = await StartAsync(hasVirtio: true);
        ExecResult required = await RunAsync(machine, "/tmp/one", await FindVirtioAsync(machine));
        Assert.True(required.ExitCode == 1, $"{required.ExitCode}: {required.Output}{required.Error}");
        Assert.Contains("cannot give what dax: required asks for", required.Output, StringComparison.Ordinal);
        Assert.Contains("refuses MAP_SYNC", required.Output, StringComparison.Ordinal);
    }

    [MachineFact]
    public async Task Virtio_pmem_is_served_where_dax_is_preferred()
    {
        await using VirtualMachine machine = await StartAsync(hasVirtio: true);
        string pool = $"name=fast,kind=xfs,size=1073741824,source={await FindVirtioAsync(machine)}";
        GuestProcess driver = await machine.StartProcessAsync(["Cscm.Storage.Conformance", "delete", "--root", "/tmp/one", "--pool", pool, "--dax", "preferred"]);
        await driver.WaitForOutputAsync("erasing\n").WaitAsync(TimeSpan.FromMinutes(10));
        Assert.Contains("deleted_ms=", driver.Output, StringComparison.Ordinal);
    }

    private static async Task<string> FindVirtioAsync(VirtualMachine machine)
        => (await machine.MustRunScriptAsync("cd /sys/block; for d in pmem*; do readlink $d | grep -q virtio && echo /dev/$d; done")).Trim();

    private static async Task<VirtualMachine> StartAsync(bool hasVirtio = false)
    {
        VirtualMachine machine = await Machines.StartAsync(new MachineOptions
        {
            Nvdimms = [new Nvdimm(512 * Mib)],
            VirtioPmems = hasVirtio ? [new VirtioPmem(512 * Mib)] : [],
            PayloadDirectory = Payload.Directory,
        });
        await machine.MustRunScriptAsync("ndctl disable-region region0; ndctl init-labels nmem0; ndctl enable-region region0");
        return machine;
    }

    private static Task<ExecResult> RunAsync(VirtualMachine machine, string root, string source = "/dev/pmem0", params string[] scenarios)
        => machine.RunAsync(
        [
            "Cscm.Storage.Conformance", "suite", "--root", root, "--pool", $"name=fast,kind=xfs,size=1073741824,source={source}",
            .. (scenarios.Length > 0 ? scenarios : [Life]).SelectMany(scenario => new[] { "--only", scenario }),
        ]);
}
