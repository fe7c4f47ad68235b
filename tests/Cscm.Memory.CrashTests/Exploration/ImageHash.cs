using System.Numerics;
using System.Runtime.InteropServices;
using Cscm.Memory.CrashTests.Model;

namespace Cscm.Memory.CrashTests.Exploration;

/// <summary>A hash of the whole medium that follows changes of single lines, to count distinct states.</summary>
internal sealed class ImageHash
{
    private readonly Dictionary<int, ulong> _lines = [];
    private ulong _sum;

    public ImageHash(ReadOnlySpan<byte> image)
    {
        for (int line = 0; line < image.Length / MediumModel.LineBytes; line++)
            Add(line, MemoryMarshal.Cast<byte, ulong>(image.Slice(line * MediumModel.LineBytes, MediumModel.LineBytes)));
    }

    public void Settle(MediumModel model)
    {
        foreach (int line in model.Settled)
        {
            _sum -= _lines.GetValueOrDefault(line);
            Add(line, model.CertainLine(line));
        }
    }

    public ulong With(MediumModel model, LineChoice[] state)
    {
        ulong sum = _sum;
        foreach (LineChoice choice in state)
            sum += Hash(choice.Line, choice.Content) - Hash(choice.Line, model.CertainLine(choice.Line));
        return sum * 0xD6E8_FEB8_6659_FD93;
    }

    private void Add(int line, ReadOnlySpan<ulong> content)
    {
        ulong hash = Hash(line, content);
        _lines[line] = hash;
        _sum += hash;
    }

    private static ulong Hash(int line, ReadOnlySpan<ulong> content)
    {
        ulong hash = (ulong)line + 0x9E37_79B9_7F4A_7C15;
        foreach (ulong word in content)
            hash = BitOperations.RotateLeft((hash ^ word) * 0xBF58_476D_1CE4_E5B9, 31);
        return hash ^ (hash >> 29);
    }
}
