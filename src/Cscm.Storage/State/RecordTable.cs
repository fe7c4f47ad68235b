using System.Collections.Concurrent;
using System.Text.Json.Serialization.Metadata;

namespace Cscm.Storage.State;

/// <summary>A state file that cannot be believed. Its object answers DATA_LOSS; everything else goes on.</summary>
internal sealed record DamagedRecord(string Key, string Path, string Damage);

/// <summary>All objects of one kind: a directory with one record file each, named by the object's key.</summary>
internal sealed class RecordTable<T>
    where T : class
{
    private const string Suffix = ".log";

    private readonly string _directory;
    private readonly string _noun;
    private readonly JsonTypeInfo<T> _type;
    private readonly IStepObserver _steps;
    private readonly ConcurrentDictionary<string, RecordFile<T>> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DamagedRecord> _damaged = new(StringComparer.Ordinal);

    private RecordTable(string directory, string noun, JsonTypeInfo<T> type, IStepObserver steps)
        => (_directory, _noun, _type, _steps) = (directory, noun, type, steps);

    public IEnumerable<KeyValuePair<string, T>> All => _files.Select(pair => KeyValuePair.Create(pair.Key, pair.Value.Value));

    public IReadOnlyCollection<DamagedRecord> Damaged => _damaged.Values;

    public static RecordTable<T> Load(string directory, string noun, JsonTypeInfo<T> type, IStepObserver steps)
    {
        var table = new RecordTable<T>(directory, noun, type, steps);
        Directory.CreateDirectory(directory);
        foreach (string path in Directory.EnumerateFiles(directory))
        {
            if (path.EndsWith(Suffix + ".tmp", StringComparison.Ordinal))
                File.Delete(path);
            else if (path.EndsWith(Suffix, StringComparison.Ordinal))
                table.LoadFile(path);
        }
        return table;
    }

    /// <exception cref="StorageException">DataLoss: its state file is damaged.</exception>
    public T? Find(string key)
    {
        if (_files.TryGetValue(key, out RecordFile<T>? file))
            return file.Value;
        if (_damaged.TryGetValue(key, out DamagedRecord? damaged))
            throw new StorageException(StorageErrorKind.DataLoss, Describe(damaged));
        return null;
    }

    public bool Holds(string key) => _files.ContainsKey(key) || _damaged.ContainsKey(key);

    public string Describe(DamagedRecord damaged)
        => $"the state file of {_noun} {damaged.Key}, {damaged.Path}, is damaged ({damaged.Damage}): restore it from a backup and restart the driver; "
            + $"or, to give the {_noun} up, copy away what you need of its data, remove the file and restart the driver, which then removes what it left";

    /// <summary>Records a new object, durably.</summary>
    public void Create(string key, T value)
    {
        _steps.Reached($"{_noun}-state.create");
        _files[key] = RecordFile<T>.Create(PathOf(key), _type, value);
    }

    /// <summary>Records an object's new state.</summary>
    public void Write(string key, T value, bool isDurable = true)
    {
        _steps.Reached($"{_noun}-state.write");
        _files[key].Write(value, isDurable);
    }

    /// <summary>Forgets an object of which nothing is left. Need not be durable: a record that comes back says what was to be undone.</summary>
    public void Delete(string key)
    {
        _steps.Reached($"{_noun}-state.delete");
        File.Delete(PathOf(key));
        _files.TryRemove(key, out _);
    }

    private string PathOf(string key) => Path.Combine(_directory, key + Suffix);

    private void LoadFile(string path)
    {
        string key = Path.GetFileName(path)[..^Suffix.Length];
        try
        {
            _files[key] = RecordFile<T>.Load(path, _type);
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            _damaged[key] = new DamagedRecord(key, path, e.Message);
        }
    }
}
