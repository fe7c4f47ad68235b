using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using System.Security.Cryptography.X509Certificates;

namespace Cscm.Kubernetes.Emulator;

/// <summary>
/// A Kubernetes API server in memory: create, read, list by pages, replace, server-side apply, merge patch, delete with finalizers,
/// status subresources, watches with bookmarks, and errors in the API's words. No admission, no controllers: nothing happens by itself.
/// </summary>
public sealed class ApiEmulator : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Handler _handler;

    private ApiEmulator(WebApplication app, Handler handler) => (_app, _handler) = (app, handler);

    public Uri Address => new(_app.Urls.First());

    public Faults Faults => _handler.Faults;

    public RequestCounts Counts => _handler.Counts;

    /// <summary>Only requests with this bearer token are let in; null lets all in.</summary>
    public string? Token
    {
        set => _handler.Token = value;
    }

    /// <summary>Requests with this bearer token are turned away.</summary>
    public string? RefusedToken
    {
        set => _handler.RefusedToken = value;
    }

    public TimeSpan BookmarkEvery
    {
        set => _handler.BookmarkEvery = value;
    }

    /// <summary>Changes per type that watches can go back to.</summary>
    public int HistoryLimit
    {
        set => _handler.Store.HistoryLimit = value;
    }

    /// <param name="port">Zero for any that is free.</param>
    /// <param name="certificate">Serves TLS and asks for a client certificate, which it does not check.</param>
    public static async Task<ApiEmulator> StartAsync(int port = 0, X509Certificate2? certificate = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(server => server.Listen(IPAddress.Loopback, port, listen =>
        {
            if (certificate is null)
                return;
            listen.UseHttps(https =>
            {
                https.ServerCertificate = certificate;
                https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                https.ClientCertificateValidation = static (_, _, _) => true;
            });
        }));
        WebApplication app = builder.Build();
        var handler = new Handler();
        app.Run(handler.HandleAsync);
        await app.StartAsync();
        return new ApiEmulator(app, handler);
    }

    /// <summary>The subject of the last client certificate that was shown.</summary>
    public string? LastClientSubject => _handler.LastClientSubject;

    /// <summary>Ends all watches, as a server that restarts does.</summary>
    public void DropWatches() => _handler.Store.Do((tables, _) =>
    {
        foreach (Watch watch in tables.SelectMany(table => table.Value.Watches))
            watch.Drop();
    });

    /// <summary>Forgets history and ends all watches: they cannot go on where they were (410).</summary>
    public void Compact()
    {
        // Something must have happened since, else a client that saw everything may go on.
        _handler.Store.Do((tables, version) =>
        {
            foreach ((_, Table table) in tables)
                table.Compact(version + 1);
        });
        DropWatches();
    }

    public int WatchCount
    {
        get
        {
            int count = 0;
            _handler.Store.Do((tables, _) => count = tables.Sum(table => table.Value.Watches.Count));
            return count;
        }
    }

    /// <summary>Puts an object there as if a client had.</summary>
    public void Seed(string apiVersion, string plural, string kind, JsonObject item)
    {
        JsonObject? status = item["status"]?.DeepClone().AsObject();
        string name = (string)item["metadata"]!["name"]!;
        Table table = _handler.Store.Register($"{apiVersion}/{plural}", apiVersion, kind);
        _handler.Store.Create(table, name, item);
        if (status is not null)
        {
            _handler.Store.Update(table, name, isStatus: true, copy =>
            {
                copy["status"] = status;
                return copy;
            });
        }
    }

    /// <summary>Takes an object away whatever its finalizers say.</summary>
    public void Erase(string apiVersion, string plural, string name)
    {
        Table table = _handler.Store.Register($"{apiVersion}/{plural}", apiVersion, "");
        _handler.Store.Update(table, name, isStatus: false, copy =>
        {
            copy["metadata"]!.AsObject().Remove("finalizers");
            return copy;
        });
        if (_handler.Store.Exists(table, name))
            _handler.Store.Delete(table, name, null);
    }

    public async ValueTask DisposeAsync()
    {
        DropWatches();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await _app.StopAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _app.DisposeAsync();
    }
}
