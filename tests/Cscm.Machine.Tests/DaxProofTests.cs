using Cscm.Storage.Proof;

namespace Cscm.Machine.Tests;

/// <summary>What the proof says of everything that can be mounted: on an NVDIMM, on a disk without DAX, in layers, and on virtio-pmem.</summary>
public sealed class DaxProofTests(DaxProofTests.Fixture fixture) : IClassFixture<DaxProofTests.Fixture>
{
    private const long Mib = 1L << 20;

    [MachineTheory]
    [InlineData("xfs")]
    [InlineData("ext4-bigalloc")]
    [InlineData("xfs-on-lvm")]
    [InlineData("xfs-on-striped-lvm")]
    [InlineData("bind")]
    [InlineData("inode/direct")]
    public void All_is_proven_where_all_holds(string mount)
        => Assert.Equal(new DaxProof(ProofResult.Proven, ProofResult.Proven, ProofResult.Proven, ""), fixture.Proof(mount));

    [MachineTheory]
    [InlineData("xfs-without-dax")]
    [InlineData("ext4-small-blocks")]
    [InlineData("inode/cached")]
    [InlineData("tmpfs")]
    public void What_goes_through_the_page_cache_is_not_dax(string mount) => Assert.Equal(ProofResult.Absent, fixture.Proof(mount).Dax);

    [MachineFact]
    public void A_file_system_that_dropped_dax_by_itself_is_named_with_its_device()
    {
        Assert.Contains("the xfs at /mnt/xfs-without-dax (/dev/loop0) does not map its medium", fixture.Proof("xfs-without-dax").Reason, StringComparison.Ordinal);
    }

    [MachineFact]
    public void An_overlay_claims_dax_and_refuses_map_sync()
    {
        DaxProof proof = fixture.Proof("overlay");
        Assert.Equal(ProofResult.Absent, proof.MapSync);
        Assert.False(proof.IsDirect);
        Assert.Contains("mount the volume itself", proof.Reason, StringComparison.Ordinal);
    }

    [MachineFact]
    public void Virtio_pmem_is_dax_without_map_sync()
    {
        DaxProof proof = fixture.Proof("virtio-pmem");
        Assert.Equal((ProofResult.Proven, ProofResult.Absent), (proof.Dax, proof.MapSync));
        Assert.Contains("flush request", proof.Reason, StringComparison.Ordinal);
    }

    [MachineFact]
    public void Lvm_with_its_default_data_start_defeats_huge_mappings()
    {
        DaxProof proof = fixture.Proof("xfs-on-lvm-default");
        Assert.Equal((ProofResult.Proven, ProofResult.Proven, ProofResult.Absent), (proof.Dax, proof.MapSync, proof.HugeMappings));
        Assert.Contains("pvcreate --dataalignment 2m", proof.Reason, StringComparison.Ordinal);
    }

    [MachineFact]
    public void A_volume_too_full_for_the_probe_is_proven_but_for_its_mappings()
        => Assert.Equal((ProofResult.Proven, ProofResult.Untested), (fixture.Proof("full").MapSync, fixture.Proof("full").HugeMappings));

    [MachineFact]
    public void A_read_only_mount_is_left_untested()
        => Assert.Equal(ProofResult.Untested, fixture.Proof("read-only").MapSync);

    /// <summary>smaps, which shows it of other memory, shows nothing of DAX on the machine's kernel.</summary>
    [MachineTheory]
    [InlineData("xfs", "2M")]
    [InlineData("xfs-on-lvm-default", "4K")]
    [InlineData("tmpfs", "4K")]
    public void Stream_says_how_large_the_pages_of_its_memory_are(string mount, string pages)
        => Assert.Contains($" pages={pages} ", fixture.Stream(mount), StringComparison.Ordinal);

    [MachineFact]
    public void The_probe_leaves_nothing_behind() => Assert.Equal("", fixture.LeftBehind);

    /// <summary>One machine with all the mounts, probed by one process.</summary>
    public sealed class Fixture : IAsyncLifetime
    {
        private IReadOnlyDictionary<string, DaxProof> _proofs = new Dictionary<string, DaxProof>();

        public string LeftBehind { get; private set; } = "";

        private readonly Dictionary<string, string> _streams = [];

        /// <summary>What <c>cscm bench stream</c> said of memory in a mount.</summary>
        public string Stream(string mount) => _streams[mount];

        public DaxProof Proof(string mount) => _proofs["/mnt/" + mount];

        public async Task InitializeAsync()
        {
            if (Machines.WhyUnavailable is not null)
                return;
            await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions
            {
                Nvdimms = [new Nvdimm(2048 * Mib), new Nvdimm(1024 * Mib)],
                VirtioPmems = [new VirtioPmem(512 * Mib)],
                PayloadDirectory = Payload.Directory,
            });
            await machine.MustRunScriptAsync("""
                cd /mnt; mkdir xfs ext4-bigalloc xfs-on-lvm xfs-on-striped-lvm xfs-on-lvm-default inode xfs-without-dax ext4-small-blocks full tmpfs bind read-only overlay virtio-pmem
                for i in 0 1; do ndctl disable-region region$i; ndctl init-labels nmem$i; ndctl enable-region region$i; done
                carve() { ndctl create-namespace --region="region$1" --mode=fsdax --size="$2" | sed -n 's|.*"blockdev":"\(.*\)".*|/dev/\1|p'; }
                geometry="-d su=2m,sw=1,agcount=2"

                device=$(carve 0 352M); mkfs.xfs -q $geometry $device; mount -o dax=always $device xfs
                mount --bind xfs bind
                mount --bind xfs read-only; mount -o remount,bind,ro read-only
                mkdir xfs/lower xfs/upper xfs/work; mount -t overlay -o lowerdir=xfs/lower,upperdir=xfs/upper,workdir=xfs/work overlay overlay

                device=$(carve 0 352M); mkfs.xfs -q $geometry $device; mount -o dax=inode $device inode
                mkdir inode/direct inode/cached; chattr +x inode/direct

                device=$(carve 1 208M); mkfs.ext4 -q -b 4096 -O bigalloc -C 2M $device; mount -o dax=always $device ext4-bigalloc

                one=$(carve 0 704M); other=$(carve 1 704M)
                pvcreate -q --dataalignment 2m $one $other; vgcreate -q -s 4m aligned $one $other
                lvcreate -q -n linear -L 320M aligned $one; lvcreate -q -n striped -i 2 -I 2m -L 640M aligned; lvcreate -q -n full -L 32M aligned $one
                mkfs.xfs -q $geometry /dev/aligned/linear; mount -o dax=always /dev/aligned/linear xfs-on-lvm
                mkfs.xfs -q $geometry /dev/aligned/striped; mount -o dax=always /dev/aligned/striped xfs-on-striped-lvm
                mkfs.ext4 -q -b 4096 /dev/aligned/full; mount -o dax=always /dev/aligned/full full
                file=0; while fallocate -l 1M full/$file; do file=$((file + 1)); done; rm full/0

                device=$(carve 0 368M); pvcreate -q $device; vgcreate -q unaligned $device; lvcreate -q -n linear -L 340M unaligned
                mkfs.xfs -q $geometry /dev/unaligned/linear; mount -o dax=always /dev/unaligned/linear xfs-on-lvm-default

                truncate -s 320M /tmp/image; mkfs.xfs -q /tmp/image; mount -o loop,dax=always /tmp/image xfs-without-dax
                truncate -s 32M /tmp/small; mkfs.ext4 -q -b 1024 /tmp/small; mount -o loop /tmp/small ext4-small-blocks
                mount -t tmpfs tmpfs tmpfs
                device=$(cd /sys/block; ls -d pmem* | while read d; do readlink $d | grep -q virtio && echo /dev/$d; done); mkfs.xfs -q $device; mount -o dax=always $device virtio-pmem
                """);
            string[] mounts = (await machine.MustRunScriptAsync("ls -d /mnt/* | grep -v 'inode$'; ls -d /mnt/inode/*")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            ExecResult probe = await machine.RunAsync(["cscm", "probe", "--json", .. mounts]);
            Assert.True(probe.ExitCode == 1, probe.Error);
            _proofs = DaxProofJson.Parse(probe.Output);
            foreach (string mount in (string[])["xfs", "xfs-on-lvm-default", "tmpfs"])
                _streams[mount] = await machine.MustRunAsync("cscm", "bench", "stream", "--path", "/mnt/" + mount, "--elements", "700000", "--repetitions", "1", "--machine");
            LeftBehind = await machine.MustRunScriptAsync("find /mnt/xfs /mnt/ext4-bigalloc /mnt/overlay /mnt/tmpfs -type f");
        }

        public Task DisposeAsync() => Task.CompletedTask;
    }
}
