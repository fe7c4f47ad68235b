using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory;

public sealed unsafe partial class ScmHeap
{
    /// <summary>
    /// Enlarges the heap while it is in use: to this size, or, given 0, to that of its file or device, after the volume has grown. The new
    /// part is a region of its own: one allocation does not span two regions.
    /// </summary>
    /// <exception cref="ScmSystemException">The file system has no room.</exception>
    public void Grow(long sizeBytes = 0)
    {
        _core.ThrowIfUnusable(forWriting: true);
        lock (_growthGate)
        {
            HeapGeometry old = _core.Geometry;
            long size = sizeBytes > 0 ? sizeBytes : _core.Mapping.MediumBytes();
            RegionRecord added = HeapGeometry.Plan(MediaLayout.AlignUp(old.SizeBytes, CacheLines.Size), size);
            if (size == old.SizeBytes)
            {
                return;
            }

            if (size < old.SizeBytes || added.ChunkCount < 1 || old.Regions.Length == MediaLayout.MaxRegions)
            {
                throw _core.Misuse(
                    0, $"the heap of {old.SizeBytes} bytes in {old.Regions.Length} regions cannot grow to {size}",
                    $"Grow by more than {MediaLayout.ChunkBytes} bytes, at most {MediaLayout.MaxRegions - 1} times");
            }

            _core.Mapping.Grow(size, _options.Preallocate);
            _options.Recorder?.Resized(size);
            HeapFormat.ClearRegion(_core.Medium, added);
            _core.Medium.Fence(PersistSite.FenceFormat);

            RegionRecord[] regions = [.. old.Records(), added];
            Superblock superblock = _superblock;
            superblock.SizeBytes = size;
            superblock.Generation++;
            HeapFormat.WriteSuperblock(_core.Medium, superblock, regions);

            // From here on the region exists: the allocator learns of it last.
            _superblock = superblock;
            _core.Geometry = new HeapGeometry(regions, size);
            _core.Allocator.Grow(_core.Geometry);
        }
    }
}
