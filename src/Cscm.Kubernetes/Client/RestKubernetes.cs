using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace Cscm.Kubernetes;

/// <summary><see cref="IKubernetes"/> over the REST API ("Kubernetes API Concepts"). Thread-safe.</summary>
public sealed class RestKubernetes(ClusterConfig config, ApiStatistics? statistics = null) : IKubernetes, IDisposable
{
    private const int MaximumTries = 6;
    private const string Json = "application/json";
    private const string ApplyPatch = "application/apply-patch+yaml";

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_longestRetryAfter = TimeSpan.FromSeconds(10);

    private readonly ApiConnection _connection = new(config);

    public Task<T> GetAsync<T>(Resource<T> resource, string name, CancellationToken cancellationToken)
        where T : KubernetesObject
        => SendAsync(resource.Plural, new(HttpMethod.Get, resource.Path(name), null, Json), resource.Item, cancellationToken);

    public Task<ObjectList<T>> ListAsync<T>(Resource<T> resource, ListQuery query, CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        string path = new QueryString(resource.Path())
            .With("labelSelector", query.LabelSelector)
            .With("limit", query.Limit == 0 ? null : query.Limit.ToString(CultureInfo.InvariantCulture))
            .With("continue", query.Continue).Text;
        return SendAsync(resource.Plural, new(HttpMethod.Get, path, null, Json), resource.List, cancellationToken);
    }

    public Task<T> CreateAsync<T>(Resource<T> resource, T item, CancellationToken cancellationToken)
        where T : KubernetesObject
        => SendAsync(resource.Plural, new(HttpMethod.Post, resource.Path(), Body(resource, item), Json), resource.Item, cancellationToken);

    public Task<T> ReplaceAsync<T>(Resource<T> resource, T item, CancellationToken cancellationToken)
        where T : KubernetesObject
        => SendAsync(resource.Plural, new(HttpMethod.Put, resource.Path(item.Metadata.Name), Body(resource, item), Json), resource.Item, cancellationToken);

    public Task<T> ApplyAsync<T>(Resource<T> resource, T item, string owner, string? subresource, CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        string path = new QueryString(resource.Path(item.Metadata.Name, subresource)).With("fieldManager", owner).With("force", "true").Text;
        JsonObject body = JsonSerializer.SerializeToNode(item with { ApiVersion = resource.ApiVersion, Kind = resource.Kind }, resource.Item)!.AsObject();
        // What is applied is owned: who writes a status says nothing about the spec.
        body.Remove(subresource == "status" ? "spec" : "status");
        byte[] patch = JsonSerializer.SerializeToUtf8Bytes(body, KubernetesJson.Default.JsonObject);
        return SendAsync(resource.Plural, new(HttpMethod.Patch, path, patch, ApplyPatch), resource.Item, cancellationToken);
    }

    public async Task DeleteAsync<T>(Resource<T> resource, string name, string? uid, CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        byte[]? body = uid is null ? null : JsonSerializer.SerializeToUtf8Bytes(new DeleteOptions(new Preconditions(uid)), KubernetesJson.Default.DeleteOptions);
        try
        {
            using HttpResponseMessage response = await SendAsync(resource.Plural, new(HttpMethod.Delete, resource.Path(name), body, Json), cancellationToken);
        }
        catch (KubernetesException e) when (e.IsNotFound || (uid is not null && e.IsConflict))
        {
            // Gone, or another incarnation: the one that was meant is no more.
        }
    }

    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        Resource<T> resource, WatchQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        string path = new QueryString(resource.Path())
            .With("watch", "true")
            .With("allowWatchBookmarks", "true")
            .With("labelSelector", query.LabelSelector)
            .With("resourceVersion", query.ResourceVersion)
            .With("timeoutSeconds", ((int)query.Timeout.TotalSeconds).ToString(CultureInfo.InvariantCulture)).Text;
        using HttpResponseMessage response = await TryOnceAsync(new(HttpMethod.Get, path, null, Json), cancellationToken);
        Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        PipeReader reader = PipeReader.Create(stream, new StreamPipeReaderOptions(leaveOpen: true));
        try
        {
            while (true)
            {
                ReadResult result = await ReadAsync(reader, path, cancellationToken);
                ReadOnlySequence<byte> buffer = result.Buffer;
                while (buffer.PositionOf((byte)'\n') is { } end)
                {
                    WatchEvent<T> next = WatchLine.Parse(buffer.Slice(0, end), resource.Item);
                    buffer = buffer.Slice(buffer.GetPosition(1, end));
                    yield return next;
                }
                reader.AdvanceTo(buffer.Start, buffer.End);
                if (result.IsCompleted)
                    yield break;
            }
        }
        finally
        {
            await reader.CompleteAsync();
        }
    }

    public void Dispose() => _connection.Dispose();

    private static async ValueTask<ReadResult> ReadAsync(PipeReader reader, string path, CancellationToken cancellationToken)
    {
        try
        {
            return await reader.ReadAsync(cancellationToken);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new KubernetesException(null, null, $"watch {path}: the connection was lost: {e.Message}", innerException: e);
        }
    }

    private static byte[] Body<T>(Resource<T> resource, T item)
        where T : KubernetesObject
        => JsonSerializer.SerializeToUtf8Bytes(item with { ApiVersion = resource.ApiVersion, Kind = resource.Kind }, resource.Item);

    private async Task<TResult> SendAsync<TResult>(string plural, ApiRequest request, JsonTypeInfo<TResult> type, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(plural, request, cancellationToken);
        try
        {
            Stream stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            return await JsonSerializer.DeserializeAsync(stream, type, cancellationToken) ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is JsonException or IOException or HttpRequestException)
        {
            throw new KubernetesException(null, null, $"{request}: the answer cannot be read: {e.Message}", innerException: e);
        }
    }

    /// <summary>Sends until there is an answer that another try would not change, or the tries are used up.</summary>
    private async Task<HttpResponseMessage> SendAsync(string plural, ApiRequest request, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));
        for (int tries = 1; ; tries++)
        {
            long startedAt = TimeProvider.System.GetTimestamp();
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            timeout.CancelAfter(s_timeout);
            try
            {
                return await TryOnceAsync(request, timeout.Token);
            }
            catch (KubernetesException e) when (e.IsTransient && tries < MaximumTries)
            {
                TimeSpan pause = e.RetryAfter is { } asked && asked > TimeSpan.Zero ? Min(asked, s_longestRetryAfter) : backoff.Next();
                await Task.Delay(pause, cancellationToken);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw new KubernetesException(null, null, $"{request}: no answer in {s_timeout.TotalSeconds} s");
            }
            finally
            {
                statistics?.Count(request.Method, plural, TimeProvider.System.GetElapsedTime(startedAt));
            }
        }
    }

    private async Task<HttpResponseMessage> TryOnceAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        string? token = config.Token?.Current;
        HttpResponseMessage response = await ExchangeAsync(request, cancellationToken);
        if (response.StatusCode == HttpStatusCode.Unauthorized && token is not null && config.Token!.Renew(token))
        {
            response.Dispose();
            response = await ExchangeAsync(request, cancellationToken);
        }
        if (response.IsSuccessStatusCode)
            return response;
        using (response)
            throw await RefusalAsync(request, response, cancellationToken);
    }

    private async Task<HttpResponseMessage> ExchangeAsync(ApiRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await _connection.SendAsync(request, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new KubernetesException(null, null, $"{request}: the API server at {config.Server} cannot be reached: {e.Message}", innerException: e);
        }
    }

    private static async Task<KubernetesException> RefusalAsync(ApiRequest request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        byte[] body = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        ApiStatus? status = WatchLine.ReadStatus(body);
        string said = status?.Message ?? Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 512))).ReplaceLineEndings(" ");
        TimeSpan? retryAfter = response.Headers.RetryAfter?.Delta
            ?? (status?.Details?.RetryAfterSeconds is int seconds ? TimeSpan.FromSeconds(seconds) : null);
        return new KubernetesException(response.StatusCode, status?.Reason, $"{request}: {(int)response.StatusCode} {said}", retryAfter);
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private readonly record struct QueryString(string Text)
    {
        public QueryString With(string key, string? value)
            => value is null ? this : new($"{Text}{(Text.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{key}={Uri.EscapeDataString(value)}");
    }
}
