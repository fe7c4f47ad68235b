using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Cscm.Kubernetes.Emulator;

/// <summary>From HTTP to the store and back.</summary>
internal sealed class Handler
{
    /// <summary>The kinds that we serve; a real server would know them from its types and CRDs.</summary>
    private static readonly Dictionary<string, string> s_kinds = new()
    {
        ["cscm.io/v1alpha1/scmvolumes"] = "ScmVolume",
        ["cscm.io/v1alpha1/scmsnapshots"] = "ScmSnapshot",
        ["cscm.io/v1alpha1/scmnodes"] = "ScmNode",
        ["coordination.k8s.io/v1/leases"] = "Lease",
        ["v1/events"] = "Event",
        ["v1/nodes"] = "Node",
        ["v1/persistentvolumes"] = "PersistentVolume",
        ["snapshot.storage.k8s.io/v1/volumesnapshotcontents"] = "VolumeSnapshotContent",
        ["groupsnapshot.storage.k8s.io/v1/volumegroupsnapshotcontents"] = "VolumeGroupSnapshotContent",
    };

    public Store Store { get; } = new();
    public Faults Faults { get; } = new();
    public RequestCounts Counts { get; } = new();
    public string? Token { get; set; }
    public string? RefusedToken { get; set; }
    public string? LastClientSubject { get; private set; }
    public TimeSpan BookmarkEvery { get; set; } = TimeSpan.FromSeconds(60);

    public async Task HandleAsync(HttpContext context)
    {
        LastClientSubject = context.Connection.ClientCertificate?.Subject ?? LastClientSubject;
        try
        {
            string? authorization = context.Request.Headers.Authorization;
            if ((Token is not null && authorization != $"Bearer {Token}") || (RefusedToken is not null && authorization == $"Bearer {RefusedToken}"))
                throw new ApiException(401, "Unauthorized", "Unauthorized");
            Place place = Place.Of(context.Request.Path.Value!);
            bool isWatch = context.Request.Query["watch"] == "true";
            var request = new ApiRequest(VerbOf(context.Request.Method, place, isWatch), place.Plural, place.Name, place.Subresource);
            Counts.Add(request);
            Fault? fault = Faults.OnRequest?.Invoke(request);
            if (fault is not null)
            {
                await Task.Delay(fault.Delay, context.RequestAborted);
                if (fault.Refusal is not null)
                    throw fault.Refusal;
                if (fault.IsLost)
                {
                    context.Abort();
                    return;
                }
            }
            if (!s_kinds.TryGetValue(place.TablePath, out string? kind))
                throw new ApiException(404, "NotFound", "the server could not find the requested resource");
            Table table = Store.Register(place.TablePath, place.ApiVersion, kind);
            if (isWatch)
            {
                await new WatchResponse(Store, Faults, BookmarkEvery).WriteAsync(context, table);
                return;
            }
            (int code, JsonObject answer) = await AnswerAsync(context.Request, place, table);
            fault?.WhenActed?.Invoke();
            if (fault is { IsAnswerLost: true })
                context.Abort();
            else
                await WriteAsync(context, code, answer);
        }
        catch (ApiException error)
        {
            if (error.RetryAfterSeconds is int seconds)
                context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            await WriteAsync(context, error.Code, error.ToStatus());
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The client left.
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            await WriteAsync(context, 500, new ApiException(500, "InternalError", $"the emulator itself failed: {e}").ToStatus());
        }
    }

    private static string VerbOf(string method, Place place, bool isWatch) => method switch
    {
        "GET" when isWatch => "watch",
        "GET" => place.Name is null ? "list" : "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        _ => "delete",
    };

    private static async Task WriteAsync(HttpContext context, int code, JsonObject answer)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        byte[] body = Encoding.UTF8.GetBytes(answer.ToJsonString());
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }

    private async Task<(int Code, JsonObject Answer)> AnswerAsync(HttpRequest request, Place place, Table table)
    {
        switch (request.Method)
        {
            case "GET" when place.Name is null:
                return (200, List(request, place, table));
            case "GET":
                return (200, Store.Get(table, place.Key(place.Name)));
            case "POST":
                JsonObject created = await ReadAsync(request);
                return (201, Store.Create(table, place.Key((string)created["metadata"]!["name"]!), created));
            case "PUT":
                JsonObject replacement = await ReadAsync(request);
                return (200, Store.Update(table, place.Key(place.Name!), place.IsStatus, _ => replacement));
            case "PATCH":
                return Patch(request, place, table, await ReadAsync(request));
            case "DELETE":
                JsonObject? options = request.ContentLength > 0 ? await ReadAsync(request) : null;
                return (200, Store.Delete(table, place.Key(place.Name!), (string?)options?["preconditions"]?["uid"]));
            default:
                throw new ApiException(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        }
    }

    private JsonObject List(HttpRequest request, Place place, Table table)
    {
        var selector = new Selector(request.Query["labelSelector"], request.Query["fieldSelector"]);
        int limit = int.TryParse(request.Query["limit"], CultureInfo.InvariantCulture, out int given) ? given : 0;
        (List<JsonObject> items, string next, long version) = Store.List(table, selector, place.Key(""), limit, request.Query["continue"].ToString());
        return new JsonObject
        {
            ["kind"] = table.Kind + "List",
            ["apiVersion"] = table.ApiVersion,
            ["metadata"] = new JsonObject { ["resourceVersion"] = version.ToString(CultureInfo.InvariantCulture), ["continue"] = next },
            ["items"] = new JsonArray([.. items]),
        };
    }

    private (int Code, JsonObject Answer) Patch(HttpRequest request, Place place, Table table, JsonObject patch)
    {
        string key = place.Key(place.Name!);
        bool isApply = request.ContentType!.StartsWith("application/apply-patch", StringComparison.Ordinal);
        if (isApply && request.Query["fieldManager"].Count == 0)
            throw new ApiException(400, "BadRequest", "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch");
        if (isApply && !place.IsStatus && !Store.Exists(table, key))
            return (201, Store.Create(table, key, patch));
        return (200, Store.Update(table, key, place.IsStatus, copy =>
        {
            // Each status has one owner here, so what it applies is all there is.
            if (isApply && place.IsStatus)
                copy.Remove("status");
            copy["metadata"]!.AsObject().Remove("resourceVersion");
            Merge(copy, patch);
            return copy;
        }));
    }

    /// <summary>JSON merge patch (RFC 7396).</summary>
    private static void Merge(JsonObject target, JsonObject patch)
    {
        foreach ((string field, JsonNode? value) in patch)
        {
            if (value is null)
                target.Remove(field);
            else if (value is JsonObject inner && target[field] is JsonObject below)
                Merge(below, inner);
            else
                target[field] = value.DeepClone();
        }
    }

    private static async Task<JsonObject> ReadAsync(HttpRequest request)
    {
        try
        {
            return (await JsonNode.ParseAsync(request.Body))!.AsObject();
        }
        catch (JsonException e)
        {
            throw new ApiException(400, "BadRequest", e.Message);
        }
    }
}

/// <summary>A request's path, taken apart.</summary>
internal sealed record Place(string ApiVersion, string? Namespace, string Plural, string? Name, string? Subresource)
{
    public string TablePath => $"{ApiVersion}/{Plural}";

    public bool IsStatus => Subresource == "status";

    public string Key(string name) => Namespace is null ? name : $"{Namespace}/{name}";

    public static Place Of(string path)
    {
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        int start = parts is ["api", ..] ? 2 : 3;
        if (parts.Length <= start)
            throw new ApiException(404, "NotFound", "the server could not find the requested resource");
        string version = string.Join('/', parts[1..start]);
        string? space = null;
        if (parts[start] == "namespaces" && parts.Length > start + 2)
            (space, start) = (parts[start + 1], start + 2);
        return new Place(
            version, space, parts[start], parts.Length > start + 1 ? Uri.UnescapeDataString(parts[start + 1]) : null, parts.Length > start + 2 ? parts[start + 2] : null);
    }
}
