using System.Text;

namespace Cscm.Memory.Collections.Tests;

public sealed class ModelTests
{
    [Fact]
    public void The_tree_behaves_like_a_sorted_dictionary() => Modelled.Check(() => new TreeModel());

    [Fact]
    public void The_tree_of_byte_strings_behaves_like_a_sorted_dictionary() => Modelled.Check(() => new ByteTreeModel());

    [Fact]
    public void The_map_behaves_like_a_dictionary() => Modelled.Check(() => new MapModel());

    [Fact]
    public void The_map_of_byte_strings_behaves_like_a_dictionary() => Modelled.Check(() => new ByteMapModel());

    [Fact]
    public void The_log_behaves_like_a_list() => Modelled.Check(() => new LogModel());

    [Fact]
    public void The_queue_behaves_like_a_queue() => Modelled.Check(() => new QueueModel());

    private sealed class TreeModel : IModelled
    {
        private SortedDictionary<long, long> _model = [];
        private SortedDictionary<long, long> _remembered = [];
        private ScmBTree<long, long> _tree = null!;

        public void Open(ScmHeap heap) => _tree = new ScmBTree<long, long>(heap, "it");

        public void Step(int operation)
        {
            long key = operation / 16 % 3000;
            switch (operation % 16)
            {
                case < 6:
                    Assert.Equal(_model.TryAdd(key, operation), _tree.TryAdd(key, operation));
                    break;
                case < 8:
                    Assert.Equal(!_model.ContainsKey(key), _tree.Set(key, operation));
                    _model[key] = operation;
                    break;
                case < 11:
                    bool isThere = _model.Remove(key, out long old);
                    Assert.Equal(isThere, _tree.Remove(key, out long removed));
                    Assert.Equal(old, removed);
                    break;
                case 11:
                    for (long each = key; each < key + 100; each++)
                    {
                        Assert.Equal(_model.Remove(each), _tree.Remove(each));
                    }

                    break;
                case 12:
                    long first = _model.Count == 0 ? 0 : _model.Keys.Max() + 1;
                    KeyValuePair<long, long>[] more = [.. Enumerable.Range(0, operation % 200).Select(i => KeyValuePair.Create(first + (2 * i), (long)i))];
                    Assert.Equal(more.Length, _tree.BulkLoad(more));
                    foreach ((long each, long value) in more)
                    {
                        _model.Add(each, value);
                    }

                    break;
                case 13:
                    Assert.Equal(_model.Where(pair => pair.Key >= key && pair.Key <= key + 50), _tree.Range(key, key + 50));
                    Assert.Equal(_model.Where(pair => pair.Key >= key && pair.Key <= key + 50).Reverse(), _tree.RangeDescending(key + 50, key));
                    break;
                default:
                    Assert.Equal(_model.TryGetValue(key, out long expected), _tree.TryGetValue(key, out long actual));
                    Assert.Equal(expected, actual);
                    break;
            }
        }

        public void Compare()
        {
            Assert.Equal(_model, _tree);
            Assert.Equal(_model.Reverse(), _tree.Descending());
            Assert.Equal(_model.Count, _tree.Count);
            Assert.Equal(_model.Count > 0, _tree.TryGetMin(out long min, out _));
            Assert.Equal(_model.Keys.FirstOrDefault(), min);
            Assert.Equal(_model.Count > 0, _tree.TryGetMax(out long max, out _));
            Assert.Equal(_model.Keys.LastOrDefault(), max);
        }

        public void Remember() => _remembered = new SortedDictionary<long, long>(_model);

        public void Forget() => _model = _remembered;

        public void Register(HeapChecker checker)
        {
            Assert.Empty(_tree.Verify());
            checker.Register<ScmBTreeHeader>("it", _tree.Walk);
        }
    }

    private sealed class MapModel : IModelled
    {
        private Dictionary<int, Int128> _model = [];
        private Dictionary<int, Int128> _remembered = [];
        private ScmHashMap<int, Int128> _map = null!;

        public void Open(ScmHeap heap) => _map = new ScmHashMap<int, Int128>(heap, "it");

        public void Step(int operation)
        {
            int key = operation / 8 % 3000;
            switch (operation % 8)
            {
                case < 3:
                    Assert.Equal(_model.TryAdd(key, operation), _map.TryAdd(key, operation));
                    break;
                case 3:
                    Assert.Equal(!_model.ContainsKey(key), _map.Set(key, operation));
                    _model[key] = operation;
                    break;
                case 4:
                    Assert.Equal(_model.Remove(key, out Int128 old), _map.Remove(key, out Int128 removed));
                    Assert.Equal(old, removed);
                    break;
                case 5:
                    for (int each = key; each < key + 60; each++)
                    {
                        Assert.Equal(operation / 8 % 2 == 0 ? _model.Remove(each) : _model.TryAdd(each, each), operation / 8 % 2 == 0 ? _map.Remove(each) : _map.TryAdd(each, each));
                    }

                    break;
                default:
                    Assert.Equal(_model.TryGetValue(key, out Int128 expected), _map.TryGetValue(key, out Int128 actual));
                    Assert.Equal(expected, actual);
                    break;
            }
        }

        public void Compare()
        {
            Assert.Equal(_model.OrderBy(pair => pair.Key), _map.OrderBy(pair => pair.Key));
            Assert.Equal(_model.Count, _map.Count);
        }

        public void Remember() => _remembered = new Dictionary<int, Int128>(_model);

        public void Forget() => _model = _remembered;

        public void Register(HeapChecker checker) => checker.Register<ScmHashMapHeader>("it", _map.Walk);
    }

    private abstract class ByteModel
    {
        protected static byte[] Key(int number) => Encoding.UTF8.GetBytes((number % 3 == 0 ? "a common prefix " : "") + new string('k', number % 5) + number % 500);

        protected static byte[] Value(int number) => Encoding.UTF8.GetBytes(new string('v', number % 90));
    }

    private sealed class ByteTreeModel : ByteModel, IModelled
    {
        private SortedDictionary<string, string> _model = new(StringComparer.Ordinal);
        private SortedDictionary<string, string> _remembered = new(StringComparer.Ordinal);
        private ScmByteTree _tree = null!;

        public void Open(ScmHeap heap) => _tree = new ScmByteTree(heap, "it");

        public void Step(int operation)
        {
            byte[] key = Key(operation / 8);
            string name = Encoding.UTF8.GetString(key);
            byte[] value = Value(operation / 64);
            switch (operation % 8)
            {
                case 0:
                    Assert.Equal(_model.TryAdd(name, Encoding.UTF8.GetString(value)), _tree.TryAdd(key, value));
                    break;
                case < 4:
                    Assert.Equal(!_model.ContainsKey(name), _tree.Set(key, value));
                    _model[name] = Encoding.UTF8.GetString(value);
                    break;
                case < 6:
                    Assert.Equal(_model.Remove(name), _tree.Remove(key));
                    break;
                default:
                    Assert.Equal(_model.TryGetValue(name, out string? expected), _tree.TryGetValue(key, out byte[] actual));
                    Assert.Equal(expected ?? "", Encoding.UTF8.GetString(actual));
                    break;
            }
        }

        public void Compare()
        {
            Assert.Equal(_model, _tree.Select(Decode));
            Assert.Equal(_model.Reverse(), _tree.FromDescending("zz"u8).Select(Decode));
            Assert.Equal(_model.Count, _tree.Count);
        }

        public void Remember() => _remembered = new SortedDictionary<string, string>(_model, StringComparer.Ordinal);

        public void Forget() => _model = _remembered;

        public void Register(HeapChecker checker)
        {
            Assert.Empty(_tree.Verify());
            checker.Register<ScmBTreeHeader>("it", _tree.Walk);
        }

        private static KeyValuePair<string, string> Decode(KeyValuePair<byte[], byte[]> pair) => new(Encoding.UTF8.GetString(pair.Key), Encoding.UTF8.GetString(pair.Value));
    }

    private sealed class ByteMapModel : ByteModel, IModelled
    {
        private Dictionary<string, string> _model = [];
        private Dictionary<string, string> _remembered = [];
        private ScmByteMap _map = null!;

        public void Open(ScmHeap heap) => _map = new ScmByteMap(heap, "it");

        public void Step(int operation)
        {
            byte[] key = Key(operation / 8);
            string name = Encoding.UTF8.GetString(key);
            byte[] value = Value(operation / 64);
            switch (operation % 8)
            {
                case 0:
                    Assert.Equal(_model.TryAdd(name, Encoding.UTF8.GetString(value)), _map.TryAdd(key, value));
                    break;
                case < 4:
                    Assert.Equal(!_model.ContainsKey(name), _map.Set(key, value));
                    _model[name] = Encoding.UTF8.GetString(value);
                    break;
                case < 6:
                    Assert.Equal(_model.Remove(name), _map.Remove(key));
                    break;
                default:
                    Assert.Equal(_model.TryGetValue(name, out string? expected), _map.TryGetValue(key, out byte[] actual));
                    Assert.Equal(expected ?? "", Encoding.UTF8.GetString(actual));
                    break;
            }
        }

        public void Compare()
        {
            Assert.Equal(
                _model.OrderBy(pair => pair.Key, StringComparer.Ordinal),
                _map.Select(pair => KeyValuePair.Create(Encoding.UTF8.GetString(pair.Key), Encoding.UTF8.GetString(pair.Value))).OrderBy(pair => pair.Key, StringComparer.Ordinal));
            Assert.Equal(_model.Count, _map.Count);
        }

        public void Remember() => _remembered = new Dictionary<string, string>(_model);

        public void Forget() => _model = _remembered;

        public void Register(HeapChecker checker) => checker.Register<ScmHashMapHeader>("it", _map.Walk);
    }

    private sealed class LogModel : IModelled
    {
        private List<byte[]> _model = [];
        private List<byte[]> _remembered = [];
        private long _first;
        private long _rememberedFirst;
        private ScmLog _log = null!;

        public void Open(ScmHeap heap) => _log = new ScmLog(heap, "it");

        public void Step(int operation)
        {
            switch (operation % 16)
            {
                case < 11:
                    byte[] content = new byte[operation % 16 == 0 ? operation / 16 % 40_000 : operation / 16 % 300];
                    Array.Fill(content, (byte)operation);
                    Assert.Equal(_first + _model.Count, _log.Append(content));
                    _model.Add(content);
                    break;
                case < 14:
                    byte[]? taken = _log.TakeFirst();
                    Assert.Equal(_model.FirstOrDefault(), taken);
                    if (taken is not null)
                    {
                        _model.RemoveAt(0);
                        _first++;
                    }

                    break;
                case 14:
                    long cut = _first + (operation / 16 % 60) - 5;
                    _log.TruncateBefore(cut);
                    int count = (int)Math.Clamp(cut - _first, 0, _model.Count);
                    _model.RemoveRange(0, count);
                    _first += count;
                    break;
                default:
                    long from = _first + (operation / 16 % 20) - 2;
                    Assert.Equal(_model.Skip((int)Math.Max(0, from - _first)).Take(3), _log.Read(from).Take(3).Select(record => record.Content));
                    break;
            }
        }

        public void Compare()
        {
            Assert.Equal(_first, _log.FirstSequence);
            Assert.Equal(_first + _model.Count, _log.NextSequence);
            Assert.Equal(_model.Count, _log.Count);
            ScmLogRecord[] records = [.. _log.Read()];
            Assert.Equal(_model, records.Select(record => record.Content));
            Assert.Equal(Enumerable.Range(0, _model.Count).Select(i => _first + i), records.Select(record => record.Sequence));
        }

        public void Remember() => (_remembered, _rememberedFirst) = ([.. _model], _first);

        public void Forget() => (_model, _first) = (_remembered, _rememberedFirst);

        public void Register(HeapChecker checker) => checker.Register<ScmLogHeader>("it", _log.Walk);
    }

    private sealed class QueueModel : IModelled
    {
        private Queue<Guid> _model = new();
        private Queue<Guid> _remembered = new();
        private ScmQueue<Guid> _queue = null!;

        public void Open(ScmHeap heap) => _queue = new ScmQueue<Guid>(heap, "it");

        public void Step(int operation)
        {
            int count = operation / 4 % 80;
            switch (operation % 4)
            {
                case 0:
                    for (int i = 0; i < count; i++)
                    {
                        Assert.Equal(_model.TryDequeue(out Guid expected), _queue.TryDequeue(out Guid actual));
                        Assert.Equal(expected, actual);
                    }

                    break;
                case 1:
                    Assert.Equal(_model.TryPeek(out Guid first), _queue.TryPeek(out Guid peeked));
                    Assert.Equal(first, peeked);
                    break;
                default:
                    for (int i = 0; i < count; i++)
                    {
                        var item = new Guid(operation, (short)i, 0, 1, 2, 3, 4, 5, 6, 7, 8);
                        _model.Enqueue(item);
                        _queue.Enqueue(item);
                    }

                    break;
            }
        }

        public void Compare()
        {
            Assert.Equal(_model, _queue.Items());
            Assert.Equal(_model.Count, _queue.Count);
        }

        public void Remember() => _remembered = new Queue<Guid>(_model);

        public void Forget() => _model = _remembered;

        public void Register(HeapChecker checker) => checker.Register<ScmLogHeader>("it", _queue.Walk);
    }
}
