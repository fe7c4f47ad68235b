using Cscm.Storage.Linux;
using Mono.Unix.Native;

namespace Cscm.Storage.Proof;

/// <summary>
/// Tries on a mounted directory what its consumers will rely on. Nothing that the kernel merely says is believed where it can be tried:
/// XFS drops DAX without an error on a device that has none, and overlayfs shows its lower layer's DAX but maps its own page cache.
/// Leaves nothing behind, takes some milliseconds and up to 4 MiB for their duration. Thread-safe.
/// </summary>
public static class DaxProver
{
    private const long HugeProbeBytes = 2 * ProbeMapping.HugePageBytes;
    private const long SmallProbeBytes = 64 << 10;

    /// <param name="directory">A directory on the mounted file system, writable.</param>
    /// <exception cref="StorageException">NotFound: there is no such directory. InvalidArgument: it is reached by a symbolic link.</exception>
    /// <exception cref="IOException">The probe itself failed; the message names the call.</exception>
    public static DaxProof Prove(string directory)
    {
        using SafePath path = SafePath.Open(directory);
        return Prove(path);
    }

    internal static DaxProof Prove(SafePath path)
    {
        PathStatus status = path.GetStatus();
        if (status.Kind != PathKind.Directory)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"{path.Path} is not a directory: name the one where the file system is mounted");
        MountEntry? mount = MountTable.Read().FirstOrDefault(entry => entry.MountId == status.MountId);
        string where = mount is null ? path.Path : $"the {mount.FileSystem} at {mount.MountPoint} ({mount.Source})";
        try
        {
            using ProbeFile file = ProbeFile.Create(path);
            return Prove(file, where, mount);
        }
        catch (LinuxException exception) when (exception.Errno is Errno.EROFS or Errno.EOPNOTSUPP or Errno.ENOSPC or Errno.EDQUOT)
        {
            ProofResult dax = status.IsDax ? ProofResult.Untested : ProofResult.Absent;
            return new DaxProof(dax, ProofResult.Untested, ProofResult.Untested, $"no probe file could be made on {where}: {exception.Message}");
        }
    }

    private static DaxProof Prove(ProbeFile file, string where, MountEntry? mount)
    {
        long sizeBytes = file.TryAllocate(HugeProbeBytes) ? HugeProbeBytes : file.TryAllocate(SmallProbeBytes) ? SmallProbeBytes : 0;
        if (!file.IsDax() || HasOption(mount, "dax=never"))
            return new DaxProof(ProofResult.Absent, ProofResult.Absent, ProofResult.Absent, $"{where} does not map its medium: {WhyNoDax(mount)}");
        if (sizeBytes == 0)
            return new DaxProof(ProofResult.Proven, ProofResult.Untested, ProofResult.Untested, $"{where} is too full for a probe of {SmallProbeBytes >> 10} KiB");
        using ProbeMapping? mapping = ProbeMapping.TryMapSync(file, sizeBytes);
        if (mapping is null)
            return new DaxProof(ProofResult.Proven, ProofResult.Absent, ProofResult.Untested, $"{where} refuses MAP_SYNC: {WhyNoSync(mount)}");
        if (sizeBytes < HugeProbeBytes)
            return new DaxProof(ProofResult.Proven, ProofResult.Proven, ProofResult.Untested, $"{where} is too full for a probe of {HugeProbeBytes >> 20} MiB");
        // Entries of 4 KiB cost a fault per page. A runtime's own few faults on this thread must not matter.
        bool isHuge = mapping.CountWriteFaults() < HugeProbeBytes / ProbeMapping.PageBytes / 8;
        return isHuge
            ? new DaxProof(ProofResult.Proven, ProofResult.Proven, ProofResult.Proven, "")
            : new DaxProof(ProofResult.Proven, ProofResult.Proven, ProofResult.Absent, $"{where} is mapped by 4 KiB entries: {WhyNotHuge(mount)}");
    }

    private static string WhyNoDax(MountEntry? mount) => mount?.FileSystem switch
    {
        "xfs" or "ext4" => "its device has no DAX (the kernel log then says so), its blocks are not of 4096 bytes, or it is mounted with dax=never or dax=inode; "
            + "use an fsdax namespace or a linear or striped logical volume on one, mounted with dax=always",
        "tmpfs" => "it is memory that forgets; use a pool on storage class memory",
        _ => "this kind of file system cannot; use xfs or ext4 on an fsdax namespace",
    };

    private static string WhyNoSync(MountEntry? mount) => mount?.FileSystem == "overlay"
        ? "it is a layer over what maps the medium; mount the volume itself into the container"
        : "stores on its device become durable by a flush request only, as on virtio-pmem; use an NVDIMM or CXL region, or dax: preferred";

    private static string WhyNotHuge(MountEntry? mount) => mount?.FileSystem == "ext4"
        ? "its allocations are not aligned to 2 MiB; format with -O bigalloc -C 2M, on LVM after pvcreate --dataalignment 2m"
        : "its allocations are not aligned to 2 MiB on the medium; format with -d su=2m,sw=1, on LVM after pvcreate --dataalignment 2m";

    private static bool HasOption(MountEntry? mount, string option) => mount is not null && mount.SuperOptions.Split(',').Contains(option);
}
