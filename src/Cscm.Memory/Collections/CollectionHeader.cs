using System.Diagnostics.CodeAnalysis;
using Cscm.Memory.Transactions;

namespace Cscm.Memory.Collections;

/// <summary>The first word of a collection's header says what is stored in it.</summary>
internal static unsafe class CollectionHeader
{
    public static Ptr<THeader> Named<[DynamicallyAccessedMembers(LayoutFingerprint.Needs)] THeader>(ScmHeap heap, string name)
        where THeader : unmanaged
    {
        ArgumentNullException.ThrowIfNull(heap);
        return heap.IsReadOnly && !heap.TryGetRoot(name, out Ptr<THeader> _)
            ? throw new ScmMisuseException(heap.Path, -1, $"there is no root \"{name}\", and the heap is open read-only", "Open it for writing once")
            : heap.Root<THeader>(name);
    }

    /// <summary>Writes the layout into a header that is all zeros; throws where another is stored.</summary>
    /// <exception cref="ScmMismatchException">The collection holds other types.</exception>
    public static void Claim(HeapCore core, CollectionGate gate, long header, string kind, ulong layout)
    {
        ulong stored = Read(core, gate, header);
        if (stored == 0 && !core.IsReadOnly)
        {
            TransactionContext context = core.Context;
            context.Begin();
            bool isDone = false;
            try
            {
                gate.Enter(context);
                stored = Read(core, gate, header);
                if (stored == 0)
                {
                    if (context.Depth > 1)
                    {
                        gate.ChangeStructure();
                    }

                    context.Write(header, layout);
                    stored = layout;
                }

                isDone = true;
            }
            finally
            {
                if (!isDone)
                {
                    gate.Abort(context);
                }
            }

            context.Commit();
        }

        if (stored != layout && stored != 0)
        {
            throw new ScmMismatchException(
                core.Name, header, $"the {kind} here was made with other types or in another format (layout {stored:x16}, not {layout:x16})", "Open it with the types and the version it was created with");
        }
    }

    private static ulong Read(HeapCore core, CollectionGate gate, long header)
    {
        ulong value;
        if (gate.IsMine(core))
        {
            core.Context.Read(header, (byte*)&value, sizeof(ulong));
            return value;
        }

        return Volatile.Read(ref *(ulong*)(core.Start + header));
    }
}
