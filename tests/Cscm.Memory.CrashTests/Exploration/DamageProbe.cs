using System.Runtime.InteropServices;
using System.Text;
using Cscm.Memory.CrashTests.Model;
using Cscm.Memory.CrashTests.Scenarios;
using Cscm.Memory.Media;
using Cscm.Memory.Medium;

namespace Cscm.Memory.CrashTests.Exploration;

/// <summary>
/// Checksums that guard against decay rather than against crashes: flips single bits where they matter and looks whether the heap lies.
/// An exception is fine, the right content is fine; wrong content without a word is not.
/// </summary>
internal static class DamageProbe
{
    /// <returns>What the heap lied about; null if it never did.</returns>
    public static string? FindSilentDamage(PersistSite? dropped)
    {
        string path = Path.Combine("/dev/shm", $"cscm-damage-{Environment.ProcessId}-{Guid.NewGuid():N}");
        var scenario = new FieldsScenario();
        ScmHeapOptions options = scenario.Options with { Domain = scenario.Domain, BackgroundCheckpoints = false };
        try
        {
            byte[] image = scenario.Prepare(path, options);
            ulong truth = Observe(path, scenario, options);
            foreach ((string what, int offset, byte bits) in Damages(image))
            {
                byte[] damaged = [.. image];
                damaged[offset] ^= bits;
                File.WriteAllBytes(path, damaged);
                try
                {
                    if (Observe(path, scenario, options with { Recorder = new TraceRecorder(dropped) }) != truth)
                        return $"{what} damaged at 0x{offset:x}: wrong content without a word";
                }
                catch (ScmException)
                {
                    // Noticed, and said.
                }
            }
            return null;
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>Uses the heap as an application would: fills what it is given, and then reads its own data.</summary>
    private static ulong Observe(string path, FieldsScenario scenario, ScmHeapOptions options)
    {
        using ScmHeap heap = ScmHeap.Open(path, options);
        using (Transaction tx = heap.Begin())
        {
            for (int i = 0; i < 40; i++)
                tx.New<Fields>(out _)[i % Fields.Length] = ulong.MaxValue;
            tx.Commit();
        }
        return scenario.Observe(heap, 0);
    }

    private static IEnumerable<(string What, int Offset, byte Bits)> Damages(byte[] image)
    {
        byte[] name = Encoding.UTF8.GetBytes("fields");
        for (long entry = MediaLayout.RootTableA; entry < MediaLayout.RootTableA + MediaLayout.RootTableBytes; entry += RootEntry.Size)
        {
            if (image.AsSpan((int)entry + 65, name.Length).SequenceEqual(name))
                yield return ("a root's address", (int)entry, 0x40);
        }
        RegionRecord region = MemoryMarshal.Read<RegionRecord>(image.AsSpan(Superblock.RegionsAt));
        for (long chunk = 0; chunk < region.ChunkCount; chunk++)
        {
            int bitmap = (int)(region.HeadersOffset + (chunk * MediaLayout.ChunkHeaderBytes) + ChunkHeader.BitmapAt);
            if (image[bitmap] != 0)
                yield return ("an allocation bitmap", bitmap, (byte)(image[bitmap] & -image[bitmap]));
        }
    }
}
