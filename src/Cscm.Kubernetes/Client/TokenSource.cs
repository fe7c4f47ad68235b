namespace Cscm.Kubernetes;

/// <summary>A bearer token. The kubelet rotates a pod's in its file, so a file's is read again every minute, and at once when refused. Thread-safe.</summary>
public sealed class TokenSource
{
    private static readonly TimeSpan s_age = TimeSpan.FromMinutes(1);

    private readonly string? _path;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private string _token;
    private long _readAt;

    private TokenSource(string? path, string token, TimeProvider time) => (_path, _token, _time, _readAt) = (path, token, time, time.GetTimestamp());

    public static TokenSource Fixed(string token) => new(null, token, TimeProvider.System);

    public static TokenSource FromFile(string path, TimeProvider time) => new(path, File.ReadAllText(path).Trim(), time);

    public string Current
    {
        get
        {
            lock (_lock)
            {
                if (_path is not null && _time.GetElapsedTime(_readAt) > s_age)
                    Read(_path);
                return _token;
            }
        }
    }

    /// <summary>The server refused <paramref name="token"/>.</summary>
    /// <returns>Whether there is another one to try.</returns>
    public bool Renew(string token)
    {
        lock (_lock)
        {
            if (_path is not null && _token == token)
                Read(_path);
            return _token != token;
        }
    }

    private void Read(string path)
    {
        try
        {
            _token = File.ReadAllText(path).Trim();
            _readAt = _time.GetTimestamp();
        }
        catch (IOException)
        {
            // Between two tokens; the old one is good for a while yet.
        }
    }
}
