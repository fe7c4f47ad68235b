using System.Diagnostics;
using Cscm.Memory.Tests;

namespace Cscm.Memory.Collections.Tests;

public sealed class ConcurrencyTests
{
    private static readonly TimeSpan s_time = TimeSpan.FromSeconds(2);

    [Fact]
    public void Readers_of_the_tree_see_every_lasting_key_and_no_torn_value_beside_a_writer()
    {
        using var test = new TestHeap(32 << 20);
        var tree = new ScmBTree<long, (long, long)>(test.Heap, "it");
        for (long key = 0; key < 4000; key += 4)
        {
            tree.Set(key, (key, ~key));
        }

        var random = new Random(1);
        Race(
            () =>
            {
                long key = (random.Next(1000) * 4) + 1 + random.Next(3);
                long version = random.NextInt64();
                if (random.Next(3) == 0)
                {
                    tree.Remove(key);
                }
                else if (random.Next(20) == 0)
                {
                    using Transaction tx = test.Heap.Begin();
                    for (long each = key / 4 * 4; each < key + 200; each++)
                    {
                        if (each % 4 != 0)
                        {
                            tree.Set(each, (version, ~version));
                        }
                    }

                    tx.Commit();
                }
                else
                {
                    tree.Set(key, (version, ~version));
                }
            },
            () =>
            {
                for (long key = 0; key < 4000; key++)
                {
                    bool isFound = tree.TryGetValue(key, out (long Value, long Complement) value);
                    Assert.True(isFound || key % 4 != 0);
                    Assert.True(!isFound || value.Value == ~value.Complement);
                }
            },
            () =>
            {
                long[] keys = [.. tree.Range(100, 3000).Select(pair => pair.Key)];
                Assert.Equal(keys.Distinct().Order(), keys);
                Assert.Equal(Enumerable.Range(25, 726).Select(i => i * 4L), keys.Where(key => key % 4 == 0));
                keys = [.. tree.Descending().Select(pair => pair.Key)];
                Assert.Equal(keys.Distinct().OrderDescending(), keys);
            });
        Assert.Empty(tree.Verify());
    }

    [Fact]
    public void Writers_of_a_tree_take_turns()
    {
        using var test = new TestHeap(32 << 20);
        var tree = new ScmBTree<int, int>(test.Heap, "it");
        int[] next = new int[3];
        Race(Writer(0), Writer(1), Writer(2));
        Assert.Equal(next.Sum(), tree.Count);
        Assert.Empty(tree.Verify());

        Action Writer(int number) => () =>
        {
            if (next[number] < 20_000)
            {
                Assert.True(tree.TryAdd((next[number]++ * 3) + number, number));
            }
        };
    }

    [Fact]
    public void Writers_of_a_map_go_on_at_once_and_readers_see_their_keys()
    {
        using var test = new TestHeap(32 << 20);
        var map = new ScmHashMap<long, (long, long)>(test.Heap, "it");
        for (long key = 0; key < 3000; key += 3)
        {
            map.Set(key, (key, ~key));
        }

        Race(
            Writer(1),
            Writer(2),
            () =>
            {
                for (long key = 0; key < 3000; key++)
                {
                    bool isFound = map.TryGetValue(key, out (long Value, long Complement) value);
                    Assert.True(isFound || key % 3 != 0);
                    Assert.True(!isFound || value.Value == ~value.Complement);
                }

                long[] keys = [.. map.Select(pair => pair.Key)];
                Assert.Equal(keys.Length, keys.Distinct().Count());
                Assert.Equal(1000, keys.Count(key => key % 3 == 0));
            });
        Assert.Equal(map.Count, map.AsEnumerable().LongCount());

        Action Writer(int number)
        {
            var random = new Random(number);
            return () =>
            {
                long key = (random.Next(1000) * 3) + number;
                long value = random.NextInt64();
                switch (random.Next(8))
                {
                    case 0:
                        using (Transaction tx = test.Heap.Begin())
                        {
                            map.Set(key, (value, ~value));
                            map.Remove((key + 3) % 3000);
                            tx.Commit();
                        }

                        break;
                    case < 4:
                        map.Remove(key);
                        break;
                    default:
                        map.Set(key, (value, ~value));
                        break;
                }
            };
        }
    }

    [Fact]
    public void Readers_of_byte_strings_see_whole_values_beside_a_writer()
    {
        using var test = new TestHeap(32 << 20);
        var tree = new ScmByteTree(test.Heap, "tree");
        var map = new ScmByteMap(test.Heap, "map");
        var random = new Random(1);
        Race(
            () =>
            {
                byte[] key = BitConverter.GetBytes(random.Next(300));
                byte[] value = new byte[random.Next(200)];
                Array.Fill(value, (byte)value.Length);
                if (random.Next(3) == 0)
                {
                    tree.Remove(key);
                    map.Remove(key);
                }
                else
                {
                    tree.Set(key, value);
                    map.Set(key, value);
                }
            },
            () =>
            {
                for (int i = 0; i < 300; i++)
                {
                    tree.TryGetValue(BitConverter.GetBytes(i), out byte[] value);
                    Assert.DoesNotContain(value, each => each != (byte)value.Length);
                    map.TryGetValue(BitConverter.GetBytes(i), out value);
                    Assert.DoesNotContain(value, each => each != (byte)value.Length);
                }

                byte[][] keys = [.. tree.Select(pair => pair.Key)];
                for (int i = 1; i < keys.Length; i++)
                {
                    Assert.True(keys[i - 1].AsSpan().SequenceCompareTo(keys[i]) < 0);
                }
            });
        Assert.Empty(tree.Verify());
    }

    [Fact]
    public void Readers_of_a_log_see_whole_records_in_order_while_it_grows_and_is_cut()
    {
        using var test = new TestHeap(32 << 20);
        var log = new ScmLog(test.Heap, "it");
        Race(
            () =>
            {
                long next = log.NextSequence;
                byte[] content = new byte[8 + (next % 1000)];
                BitConverter.TryWriteBytes(content, next);
                Assert.Equal(next, log.Append(content));
                log.TruncateBefore(next - 300);
            },
            () =>
            {
                long previous = -1;
                foreach (ScmLogRecord record in log.Read())
                {
                    Assert.True(record.Sequence > previous);
                    Assert.Equal(record.Sequence, BitConverter.ToInt64(record.Content));
                    Assert.Equal(8 + (record.Sequence % 1000), record.Content.Length);
                    previous = record.Sequence;
                }
            });
    }

    /// <summary>Runs each action again and again, on a thread of its own.</summary>
    private static void Race(params Action[] actions)
    {
        long end = Stopwatch.GetTimestamp() + (long)(s_time.TotalSeconds * Stopwatch.Frequency);
        Exception? failure = null;
        Thread[] threads = Array.ConvertAll(actions, action => new Thread(() =>
        {
            try
            {
                while (Stopwatch.GetTimestamp() < end && Volatile.Read(ref failure) is null)
                {
                    action();
                }
            }
            catch (Exception thrown)
            {
                Interlocked.CompareExchange(ref failure, thrown, null);
            }
        }));
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Null(failure);
    }
}
