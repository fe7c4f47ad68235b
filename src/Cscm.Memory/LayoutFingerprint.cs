using System.Text;
using Cscm.Memory.Media;

namespace Cscm.Memory;

/// <summary>Identifies a type's layout on the medium.</summary>
internal static unsafe class LayoutFingerprint
{
    public static ulong Of<T>()
        where T : unmanaged => Cache<T>.Value;

    private static class Cache<T>
        where T : unmanaged
    {
        public static readonly ulong Value = Compute($"{typeof(T)}:{sizeof(T)}");
    }

    private static ulong Compute(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Array.Resize(ref bytes, (bytes.Length + 7) & ~7);
        fixed (byte* start = bytes)
        {
            return MediaHash.Compute(start, bytes.Length, 0);
        }
    }
}
