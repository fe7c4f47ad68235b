using System.Runtime.Intrinsics.X86;
using Cscm.Memory.Native;

namespace Cscm.Memory.Medium;

/// <summary>
/// Writing cache lines back to memory. .NET has no intrinsic for it, so a few bytes of machine code are called through a function
/// pointer: CLWB where the processor has it, else CLFLUSHOPT, else CLFLUSH.
/// </summary>
internal static unsafe class CacheLines
{
    public const int Size = 64;

    // loop: <flush> [rdi]; add rdi, 64; cmp rdi, rsi; jb loop; ret     (System V: rdi = first line, rsi = end)
    private static readonly delegate* unmanaged<byte*, byte*, void> s_writeBack = Assemble(out s_instruction);
    private static readonly string s_instruction;

    /// <summary>The instruction in use, or an empty string where there is none: then lines are written back by msync.</summary>
    public static string Instruction => s_instruction;

    public static bool IsSupported => s_writeBack != null;

    /// <summary>Starts writing back every line of [start, start + length). Complete at the next fence.</summary>
    public static void WriteBack(byte* start, long lengthBytes)
    {
        byte* first = (byte*)((nuint)start & ~(nuint)(Size - 1));
        byte* end = start + lengthBytes;
        // Suppressing the GC transition is right for a few lines; a long range must not hold up a collection.
        if (lengthBytes <= 4096)
        {
            ((delegate* unmanaged[SuppressGCTransition]<byte*, byte*, void>)s_writeBack)(first, end);
        }
        else
        {
            s_writeBack(first, end);
        }
    }

    private static delegate* unmanaged<byte*, byte*, void> Assemble(out string instruction)
    {
        instruction = "";
        if (!X86Base.X64.IsSupported)
        {
            return null;
        }

        int ebx = X86Base.CpuId(7, 0).Ebx;
        ReadOnlySpan<byte> flush;
        if ((ebx & (1 << 24)) != 0)
        {
            flush = [0x66, 0x0f, 0xae, 0x37];
            instruction = "clwb";
        }
        else if ((ebx & (1 << 23)) != 0)
        {
            flush = [0x66, 0x0f, 0xae, 0x3f];
            instruction = "clflushopt";
        }
        else
        {
            flush = [0x0f, 0xae, 0x3f];
            instruction = "clflush";
        }

        ReadOnlySpan<byte> advance = [0x48, 0x83, 0xc7, 0x40, 0x48, 0x39, 0xf7];
        int loopBytes = flush.Length + advance.Length;
        byte* code = LibC.Map(null, 4096, LibC.ProtRead | LibC.ProtWrite, LibC.MapPrivate | LibC.MapAnonymous, -1, 0);
        if (code == LibC.MapFailed)
        {
            instruction = "";
            return null;
        }

        var page = new Span<byte>(code, 4096);
        flush.CopyTo(page);
        advance.CopyTo(page[flush.Length..]);
        page[loopBytes] = 0x72;
        page[loopBytes + 1] = (byte)-(loopBytes + 2);
        page[loopBytes + 2] = 0xc3;
        if (LibC.Protect(code, 4096, LibC.ProtRead | LibC.ProtExec) != 0)
        {
            // Hardened kernels refuse fresh code; msync then does the same work, slower.
            _ = LibC.Unmap(code, 4096);
            instruction = "";
            return null;
        }

        return (delegate* unmanaged<byte*, byte*, void>)code;
    }
}
