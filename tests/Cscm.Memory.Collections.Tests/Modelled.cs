using Cscm.Memory.Tests;
using FsCheck;
using FsCheck.Fluent;

namespace Cscm.Memory.Collections.Tests;

/// <summary>A collection beside the plain one that it must behave like.</summary>
internal interface IModelled
{
    public void Open(ScmHeap heap);

    /// <summary>Does one operation on both and compares what they answer.</summary>
    public void Step(int operation);

    /// <summary>Compares the whole content, in every direction.</summary>
    public void Compare();

    /// <summary>The model only: remembers its content, or goes back to it.</summary>
    public void Remember();

    public void Forget();

    public void Register(HeapChecker checker);
}

internal static class Modelled
{
    private const int HeapBytes = 8 << 20;

    /// <summary>Random scripts of operations, transactions, aborts, nested transactions, checkpoints and reopenings.</summary>
    public static void Check(Func<IModelled> make, int runs = 10)
    {
        Arbitrary<int[]> scripts = Arb.From(Gen.Sized(size => Gen.Choose(0, int.MaxValue - 1).ArrayOf(size * 20)), Shrink);
        FsCheck.Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(runs).WithEndSize(100),
            Prop.ForAll(scripts, script => Run(make(), script)));
    }

    private static IEnumerable<int[]> Shrink(int[] script)
    {
        for (int part = script.Length / 2; part > 0; part /= 2)
        {
            for (int start = 0; start + part <= script.Length; start += part)
            {
                yield return [.. script[..start], .. script[(start + part)..]];
            }
        }
    }

    private static void Run(IModelled modelled, int[] script)
    {
        using var test = new TestHeap(HeapBytes);
        modelled.Open(test.Heap);
        for (int i = 0; i < script.Length; i++)
        {
            int operation = script[i] / 64;
            int length = Math.Min(operation % 40, script.Length - i - 1);
            switch (script[i] % 64)
            {
                case 0:
                    test.Reopen();
                    modelled.Open(test.Heap);
                    modelled.Compare();
                    break;
                case 1:
                    test.Heap.Checkpoint();
                    break;
                case 2 or 3 or 4:
                    Transact(test.Heap, modelled, script.AsSpan(i + 1, length), script[i] % 64);
                    i += length;
                    break;
                case 5:
                    modelled.Compare();
                    break;
                default:
                    modelled.Step(operation);
                    break;
            }
        }

        modelled.Compare();
        test.Reopen();
        modelled.Open(test.Heap);
        modelled.Compare();
        var checker = new HeapChecker(test.Heap);
        modelled.Register(checker);
        HeapCheckResult result = checker.Run();
        Assert.Empty(result.Problems);
        Assert.True(result.ReachableBlocks > 0, "every root was registered");
    }

    /// <summary>2: commits; 3: aborts; 4: commits with half of the steps in a nested transaction.</summary>
    private static void Transact(ScmHeap heap, IModelled modelled, ReadOnlySpan<int> steps, int kind)
    {
        if (kind == 3)
        {
            modelled.Remember();
        }

        using (Transaction tx = heap.Begin())
        {
            int half = kind == 4 ? steps.Length / 2 : steps.Length;
            foreach (int step in steps[..half])
            {
                modelled.Step(step / 64);
            }

            using (Transaction nested = heap.Begin())
            {
                foreach (int step in steps[half..])
                {
                    modelled.Step(step / 64);
                }

                modelled.Compare();
                nested.Commit();
            }

            if (kind != 3)
            {
                tx.Commit();
            }
        }

        if (kind == 3)
        {
            modelled.Forget();
            modelled.Compare();
        }
    }
}
