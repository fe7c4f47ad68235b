using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Text;
using Cscm.Memory.Media;

namespace Cscm.Memory;

/// <summary>
/// Identifies a type's layout: its size, and name and type of each of its fields in order. What nested structures consist of enters by their
/// names and, through the total, by their sizes. The same with the JIT and with NativeAOT.
/// </summary>
internal static unsafe class LayoutFingerprint
{
    /// <summary>What trimming must keep of a root's type.</summary>
    public const DynamicallyAccessedMemberTypes Needs = DynamicallyAccessedMemberTypes.PublicFields | DynamicallyAccessedMemberTypes.NonPublicFields;

    public static ulong Of<[DynamicallyAccessedMembers(Needs)] T>()
        where T : unmanaged => Cache<T>.Value;

    private static ulong Compute(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Array.Resize(ref bytes, (bytes.Length + 7) & ~7);
        fixed (byte* start = bytes)
        {
            return MediaHash.Compute(start, bytes.Length, 0);
        }
    }

    private static class Cache<[DynamicallyAccessedMembers(Needs)] T>
        where T : unmanaged
    {
        public static readonly ulong Value = Compute(Describe());

        private static string Describe()
        {
            var text = new StringBuilder().Append(sizeof(T));
            foreach (FieldInfo field in typeof(T).GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
            {
                text.Append(';').Append(field.Name).Append(':').Append(field.FieldType);
            }

            // Primitive types have no telling fields, enumerations only one.
            return typeof(T).IsPrimitive || typeof(T).IsEnum ? $"{typeof(T)}:{sizeof(T)}" : text.ToString();
        }
    }
}
