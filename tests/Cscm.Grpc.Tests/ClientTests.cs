using System.Diagnostics;
using System.Text;
using Csi.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace Cscm.Grpc.Tests;

/// <summary>The client against the scripted host: what it sends, gets, and how its calls end.</summary>
public sealed class ClientTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    public async Task A_unary_call_brings_message_headers_trailers_and_status()
    {
        using var channel = host.Connect();
        var bytes = Enumerable.Range(0, 256).Select(i => (byte)i).ToArray();
        using var call = new Controller.ControllerClient(channel).CreateVolumeAsync(
            TestHost.Filler.Fill<CreateVolumeRequest>(),
            new Metadata { { "x-verify", "1" }, { "x-echo-text", "plain" }, { "x-echo-bin", bytes } });

        Assert.Equal("plain", (await call.ResponseHeadersAsync).GetValue("x-echo-text"));
        Assert.Equal(TestHost.Filler.Fill<CreateVolumeResponse>(), await call);
        Assert.Equal(Status.DefaultSuccess, call.GetStatus());
        Assert.Equal(bytes, call.GetTrailers().GetValueBytes("x-echo-bin"));
    }

    [Fact]
    public void A_blocking_call_works()
    {
        using var channel = host.Connect();
        Assert.Equal(TestHost.Filler.Fill<NodeGetInfoResponse>(), new Node.NodeClient(channel).NodeGetInfo(new NodeGetInfoRequest()));
    }

    [Fact]
    public async Task A_failure_is_thrown_with_code_message_and_trailers()
    {
        using var channel = host.Connect();
        const string message = "100 % Größe\n🚀";
        var headers = new Metadata { { "x-status", "6" }, { "x-message-bin", Encoding.UTF8.GetBytes(message) } };
        using var call = new Controller.ControllerClient(channel).CreateVolumeAsync(new CreateVolumeRequest(), headers);

        var error = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.AlreadyExists, error.StatusCode);
        Assert.Equal(message, error.Status.Detail);
        Assert.Equal("of the exception", error.Trailers.GetValue("x-trailer"));
        Assert.Equal(StatusCode.AlreadyExists, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_stream_brings_its_messages_and_then_its_failure()
    {
        using var channel = host.Connect();
        var headers = new Metadata { { "x-count", "5" }, { "x-status", "15" } };
        using var call = new SnapshotMetadata.SnapshotMetadataClient(channel).GetMetadataDelta(new GetMetadataDeltaRequest(), headers);

        var count = 0;
        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (var message in call.ResponseStream.ReadAllAsync())
            {
                Assert.Equal(TestHost.Filler.Fill<GetMetadataDeltaResponse>(), message);
                count++;
            }
        });
        Assert.Equal(5, count);
        Assert.Equal(StatusCode.DataLoss, error.StatusCode);
    }

    [Fact]
    public async Task A_stream_that_ends_well_ends_with_false_however_often_it_is_asked()
    {
        using var channel = host.Connect();
        using var call = new SnapshotMetadata.SnapshotMetadataClient(channel).GetMetadataAllocated(new GetMetadataAllocatedRequest());
        for (var i = 0; i < 3; i++)
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task A_deadline_ends_the_call_on_both_sides()
    {
        using var channel = host.Connect();
        var name = Guid.NewGuid().ToString();
        var clock = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<RpcException>(async () => await new Controller.ControllerClient(channel).DeleteVolumeAsync(
            new DeleteVolumeRequest(), new Metadata { { "x-delay-ms", "60000" }, { "x-call", name } }, deadline: In(300)));

        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0.1, 10);
        await Eventually.TrueAsync(() => TestHost.Calls.Find(name)!.WasCancelled);
    }

    [Fact]
    public async Task A_deadline_in_the_past_sends_nothing()
    {
        using var channel = host.Connect();
        var name = Guid.NewGuid().ToString();
        var error = await Assert.ThrowsAsync<RpcException>(async () => await new Controller.ControllerClient(channel).DeleteVolumeAsync(
            new DeleteVolumeRequest(), new Metadata { { "x-delay-ms", "1" }, { "x-call", name } }, deadline: In(-1000)));
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.Null(TestHost.Calls.Find(name));
    }

    [Fact]
    public async Task Cancelling_ends_the_call_on_both_sides()
    {
        using var channel = host.Connect();
        using var cancellation = new CancellationTokenSource();
        var name = Guid.NewGuid().ToString();
        using var call = new Controller.ControllerClient(channel).DeleteVolumeAsync(
            new DeleteVolumeRequest(), new Metadata { { "x-delay-ms", "60000" }, { "x-call", name } }, cancellationToken: cancellation.Token);
        await Eventually.TrueAsync(() => TestHost.Calls.Find(name) is not null);
        await cancellation.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(async () => await call)).StatusCode);
        await Eventually.TrueAsync(() => TestHost.Calls.Find(name)!.WasCancelled);
    }

    [Fact]
    public async Task Disposing_a_stream_under_way_cancels_it()
    {
        using var channel = host.Connect();
        var name = Guid.NewGuid().ToString();
        var call = new SnapshotMetadata.SnapshotMetadataClient(channel).GetMetadataAllocated(
            new GetMetadataAllocatedRequest(), new Metadata { { "x-pass", "1" }, { "x-call", name } });
        for (var i = 0; i < 50; i++)
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        call.Dispose();

        await Eventually.TrueAsync(() => TestHost.Calls.Find(name)!.IsOver);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Large_messages_pass_both_ways_up_to_the_limits()
    {
        using var channel = host.Connect(options => options.MaxReceiveMessageSize = 17 * 1024 * 1024);
        var response = await new Identity.IdentityClient(channel).GetPluginInfoAsync(
            new GetPluginInfoRequest(), new Metadata { { "x-pass", "1" }, { "x-response-size", "16777216" } });
        Assert.Equal(16777216, response.VendorVersion.Length);

        var error = await Assert.ThrowsAsync<RpcException>(async () => await new Controller.ControllerClient(channel).DeleteVolumeAsync(
            new DeleteVolumeRequest { VolumeId = new string('v', 5 * 1024 * 1024) }));
        Assert.Equal(StatusCode.ResourceExhausted, error.StatusCode);
    }

    [Fact]
    public async Task The_clients_own_limits_hold()
    {
        using var channel = host.Connect(options => options.MaxSendMessageSize = 1000);
        var tooLargeToReceive = await Assert.ThrowsAsync<RpcException>(async () => await new Identity.IdentityClient(channel).GetPluginInfoAsync(
            new GetPluginInfoRequest(), new Metadata { { "x-pass", "1" }, { "x-response-size", "5000000" } }));
        Assert.Equal(StatusCode.ResourceExhausted, tooLargeToReceive.StatusCode);

        var tooLargeToSend = await Assert.ThrowsAsync<RpcException>(async () => await new Controller.ControllerClient(channel).DeleteVolumeAsync(
            new DeleteVolumeRequest { VolumeId = new string('v', 2000) }));
        Assert.Equal(StatusCode.ResourceExhausted, tooLargeToSend.StatusCode);
    }

    [Fact]
    public async Task A_compressed_response_is_read()
    {
        using var channel = host.Connect();
        var response = await new Identity.IdentityClient(channel).GetPluginInfoAsync(
            new GetPluginInfoRequest(), new Metadata { { "x-pass", "1" }, { "x-gzip", "1" }, { "x-response-size", "1000000" } });
        Assert.Equal(new string('v', 1_000_000), response.VendorVersion);
    }

    [Fact]
    public async Task Many_calls_share_one_channel()
    {
        using var channel = host.Connect();
        var client = new Node.NodeClient(channel);
        var request = TestHost.Filler.Fill<NodePublishVolumeRequest>();
        var headers = new Metadata { { "x-verify", "1" } };
        await Task.WhenAll(Enumerable.Range(0, 500).Select(async _ => await client.NodePublishVolumeAsync(request, headers)));
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_UNAVAILABLE()
    {
        using var channel = HostFixture.Connect(host.SocketPath + ".none");
        var error = await Assert.ThrowsAsync<RpcException>(async () => await new Identity.IdentityClient(channel).ProbeAsync(new ProbeRequest()));
        Assert.Equal(StatusCode.Unavailable, error.StatusCode);
    }

    [Fact]
    public async Task A_server_that_goes_away_in_a_call_is_an_error_and_one_that_comes_back_is_used_again()
    {
        var fixture = new HostFixture();
        await fixture.InitializeAsync();
        using var channel = fixture.Connect();
        var client = new SnapshotMetadata.SnapshotMetadataClient(channel);
        using var call = client.GetMetadataAllocated(new GetMetadataAllocatedRequest(), new Metadata { { "x-pass", "1" } });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        var stopping = fixture.AbortAsync();

        var error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                // What had arrived before may still be read.
            }
        });
        Assert.NotEqual(StatusCode.OK, error.StatusCode);
        await stopping;

        await fixture.InitializeAsync();
        Assert.Equal(
            TestHost.Filler.Fill<ProbeResponse>(), await new Identity.IdentityClient(channel).ProbeAsync(new ProbeRequest()));
        await fixture.DisposeAsync();
    }

    [Theory]
    [InlineData(400, StatusCode.Internal)]
    [InlineData(401, StatusCode.Unauthenticated)]
    [InlineData(403, StatusCode.PermissionDenied)]
    [InlineData(404, StatusCode.Unimplemented)]
    [InlineData(429, StatusCode.Unavailable)]
    [InlineData(502, StatusCode.Unavailable)]
    [InlineData(503, StatusCode.Unavailable)]
    [InlineData(504, StatusCode.Unavailable)]
    [InlineData(418, StatusCode.Unknown)]
    public async Task An_HTTP_error_becomes_a_status(int httpStatus, StatusCode expected)
    {
        await using var server = await FakeServer.StartAsync(http =>
        {
            http.Response.StatusCode = httpStatus;
            return Task.CompletedTask;
        });
        Assert.Equal(expected, (await ProbeFailsAsync(server)).StatusCode);
    }

    [Fact]
    public async Task An_answer_that_is_no_gRPC_is_an_error()
    {
        await using var server = await FakeServer.StartAsync(async http =>
        {
            http.Response.ContentType = "text/html";
            await http.Response.Body.WriteAsync("<html>"u8.ToArray());
        });
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Cancelled : StatusCode.Unknown, (await ProbeFailsAsync(server)).StatusCode);
    }

    [Fact]
    public async Task An_answer_without_a_status_is_an_error()
    {
        await using var server = await FakeServer.StartAsync(RawCall.EmptyMessage);
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Cancelled : StatusCode.Internal, (await ProbeFailsAsync(server)).StatusCode);
    }

    [Fact]
    public async Task An_OK_without_a_message_is_an_error()
    {
        await using var server = await FakeServer.StartAsync([], ("grpc-status", "0"));
        Assert.Equal(StatusCode.Internal, (await ProbeFailsAsync(server)).StatusCode);
    }

    [Fact]
    public async Task Two_messages_for_one_are_an_error()
    {
        await using var server = await FakeServer.StartAsync([.. RawCall.EmptyMessage, .. RawCall.EmptyMessage], ("grpc-status", "0"));
        Assert.Equal(StatusCode.Internal, (await ProbeFailsAsync(server)).StatusCode);
    }

    [Fact]
    public async Task A_status_after_a_message_counts_and_not_the_message()
    {
        await using var server = await FakeServer.StartAsync(RawCall.EmptyMessage, ("grpc-status", "10"), ("grpc-message", "busy"));
        var error = await ProbeFailsAsync(server);
        Assert.Equal((StatusCode.Aborted, "busy"), (error.StatusCode, error.Status.Detail));
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("100%25", "100%")]
    [InlineData("%E4%BD%93", "体")]
    [InlineData("50% off", "50% off")]
    [InlineData("%zz%4", "%zz%4")]
    public async Task A_message_is_decoded_as_far_as_it_can_be(string onWire, string expected)
    {
        await using var server = await FakeServer.StartAsync([], ("grpc-status", "9"), ("grpc-message", onWire));
        Assert.Equal(expected, (await ProbeFailsAsync(server)).Status.Detail);
    }

    [Fact]
    public async Task A_malformed_response_is_INTERNAL()
    {
        await using var server = await FakeServer.StartAsync(RawCall.Frame([0x0A, 0x7F, 0x00]), ("grpc-status", "0"));
        // Upstream takes the parser's exception, an IOException, for the network's.
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Unavailable : StatusCode.Internal, (await ProbeFailsAsync(server)).StatusCode);
    }

    [Fact]
    public async Task A_cut_response_is_INTERNAL()
    {
        await using var server = await FakeServer.StartAsync([0, 0, 0, 0, 9, 1], ("grpc-status", "0"));
        Assert.Equal(StatusCode.Internal, (await ProbeFailsAsync(server)).StatusCode);
    }

    [Fact]
    public async Task A_server_that_never_answers_is_left_at_the_deadline()
    {
        await using var server = await FakeServer.StartAsync(http => Task.Delay(Timeout.Infinite, http.RequestAborted));
        using var channel = server.Connect();
        var error = await Assert.ThrowsAsync<RpcException>(
            async () => await new Identity.IdentityClient(channel).ProbeAsync(new ProbeRequest(), deadline: In(200)));
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
    }

    [Fact]
    public async Task The_request_is_as_the_protocol_says()
    {
        var seen = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        await using var server = await FakeServer.StartAsync(async http =>
        {
            foreach (var (name, values) in http.Request.Headers)
                seen[name] = values.ToString();
            seen["path"] = http.Request.Path.ToString();
            seen["protocol"] = http.Request.Protocol;
            http.Response.ContentType = "application/grpc";
            await http.Response.Body.WriteAsync(RawCall.EmptyMessage);
            http.Response.AppendTrailer("grpc-status", "0");
        });
        using var channel = server.Connect();
        await new Identity.IdentityClient(channel).ProbeAsync(new ProbeRequest(), new Metadata { { "x-raw-bin", [1, 2] } }, In(10_000));

        Assert.Equal("/csi.v1.Identity/Probe", seen["path"]);
        Assert.Equal("HTTP/2", seen["protocol"]);
        Assert.Equal("application/grpc", seen["content-type"]);
        Assert.Equal("trailers", seen["te"]);
        Assert.Contains("gzip", seen["grpc-accept-encoding"], StringComparison.Ordinal);
        Assert.Equal("AQI", seen["x-raw-bin"].TrimEnd('='));
        Assert.Matches("^[0-9]{1,8}[HMSmun]$", seen["grpc-timeout"]);
    }

    private static DateTime In(int milliseconds) => TimeProvider.System.GetUtcNow().UtcDateTime.AddMilliseconds(milliseconds);

    private static async Task<RpcException> ProbeFailsAsync(FakeServer server)
    {
        using var channel = server.Connect();
        return await Assert.ThrowsAsync<RpcException>(
            async () => await new Identity.IdentityClient(channel).ProbeAsync(new ProbeRequest(), deadline: In(20_000)));
    }
}
