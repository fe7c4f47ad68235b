using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Cscm.Kubernetes.Emulator;

/// <summary>One watch stream, with its bookmarks and its lies.</summary>
internal sealed class WatchResponse(Store store, Faults faults, TimeSpan bookmarkEvery)
{
    public async Task WriteAsync(HttpContext context, Table table)
    {
        IQueryCollection query = context.Request.Query;
        Watch watch = store.Watch(table, new Selector(query["labelSelector"], query["fieldSelector"]), query["resourceVersion"]);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        if (double.TryParse(query["timeoutSeconds"], CultureInfo.InvariantCulture, out double seconds))
            end.CancelAfter(TimeSpan.FromSeconds(seconds));
        try
        {
            context.Response.ContentType = "application/json";
            await context.Response.StartAsync(end.Token);
            await context.Response.Body.FlushAsync(end.Token);
            Task<bool>? more = null;
            while (true)
            {
                more ??= watch.Changes.WaitToReadAsync(end.Token).AsTask();
                if (await Task.WhenAny(more, Task.Delay(bookmarkEvery, end.Token)) != more)
                {
                    end.Token.ThrowIfCancellationRequested();
                    await BookmarkAsync(context, table, watch, query["allowWatchBookmarks"] == "true", end.Token);
                    continue;
                }
                if (!await more)
                    return;
                more = null;
                await DrainAsync(context, watch, end.Token);
            }
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            // The time-out that the client asked for: the stream ends well.
        }
        finally
        {
            store.Unwatch(table, watch);
        }
    }

    private async Task DrainAsync(HttpContext context, Watch watch, CancellationToken cancellationToken)
    {
        if (faults.WatchDelay > TimeSpan.Zero)
            await Task.Delay(faults.WatchDelay, cancellationToken);
        while (watch.Changes.TryRead(out Change? change))
        {
            if (faults.IsSilent)
                continue;
            await context.Response.Body.WriteAsync(change.Line, cancellationToken);
            if (faults.RepeatsEvents)
                await context.Response.Body.WriteAsync(change.Line, cancellationToken);
        }
        await context.Response.Body.FlushAsync(cancellationToken);
    }

    private async Task BookmarkAsync(HttpContext context, Table table, Watch watch, bool isWanted, CancellationToken cancellationToken)
    {
        long version = store.Version;
        // A bookmark promises that nothing before it is still to come.
        if (!isWanted || faults.IsSilent || watch.Changes.TryPeek(out _))
            return;
        string line = $"{{\"type\":\"BOOKMARK\",\"object\":{{\"kind\":\"{table.Kind}\",\"apiVersion\":\"{table.ApiVersion}\","
            + $"\"metadata\":{{\"resourceVersion\":\"{version.ToString(CultureInfo.InvariantCulture)}\"}}}}}}\n";
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(line), cancellationToken);
        await context.Response.Body.FlushAsync(cancellationToken);
    }
}
