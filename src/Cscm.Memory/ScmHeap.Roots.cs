using System.Diagnostics.CodeAnalysis;
using Cscm.Memory.Media;

namespace Cscm.Memory;

public sealed unsafe partial class ScmHeap
{
    private readonly Lock _rootsGate = new();

    /// <summary>The root of this name, made (zeroed) where there is none. Joins the thread's transaction, if it is in one.</summary>
    /// <exception cref="ScmMismatchException">The stored root has another type layout.</exception>
    public Ptr<T> Root<[DynamicallyAccessedMembers(LayoutFingerprint.Needs)] T>(string name)
        where T : unmanaged
    {
        lock (_rootsGate)
        {
            if (TryGetRoot(name, out Ptr<T> root))
            {
                return root;
            }

            using Transaction tx = Begin();
            root = tx.Alloc<T>();
            tx.SetRoot(name, root);
            tx.Commit();
            return root;
        }
    }

    /// <summary>The root of this name, if there is one.</summary>
    /// <exception cref="ScmMismatchException">The stored root has another type layout.</exception>
    public bool TryGetRoot<[DynamicallyAccessedMembers(LayoutFingerprint.Needs)] T>(string name, out Ptr<T> root)
        where T : unmanaged
    {
        _core.ThrowIfUnusable();
        int index = RootTable.Find(_core, name, out _);
        if (index < 0)
        {
            root = default;
            return false;
        }

        RootEntry entry = RootTable.Read(_core, index);
        ulong expected = LayoutFingerprint.Of<T>();
        if (entry.Fingerprint != expected)
        {
            throw new ScmMismatchException(
                Path, entry.Offset, $"root \"{name}\" holds {entry.SizeBytes} bytes with layout {entry.Fingerprint:x16}, but {typeof(T).Name} has {sizeof(T)} bytes with layout {expected:x16}",
                "Open it with the type it was created with, or migrate it");
        }

        root = new Ptr<T>(entry.Offset);
        return true;
    }

    /// <summary>The names of all roots.</summary>
    public IReadOnlyList<string> RootNames
    {
        get
        {
            _core.ThrowIfUnusable();
            return RootTable.Names(_core);
        }
    }
}
