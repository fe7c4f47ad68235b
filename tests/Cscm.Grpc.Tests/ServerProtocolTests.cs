using System.Diagnostics;
using System.Net;
using System.Text;
using Csi.V1;
using Google.Protobuf;
using Grpc.Core;

namespace Cscm.Grpc.Tests;

/// <summary>What the server answers, byte for byte (gRPC's PROTOCOL-HTTP2 and status code documents).</summary>
public sealed class ServerProtocolTests(HostFixture host) : IClassFixture<HostFixture>, IDisposable
{
    private readonly RawCall _raw = new(host.SocketPath);

    public void Dispose() => _raw.Dispose();

    [Fact]
    public async Task A_unary_call_answers_one_message_and_the_status_in_the_trailers()
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.EmptyMessage, [("x-pass", "1")]);

        Assert.Equal(HttpStatusCode.OK, reply.HttpStatus);
        Assert.Equal("application/grpc", reply.ContentType);
        Assert.False(reply.IsTrailersOnly);
        Assert.Equal(StatusCode.OK, reply.Code);
        Assert.Equal(0, reply.Body[0]);
        Assert.Equal("test.host", GetPluginInfoResponse.Parser.ParseFrom(reply.Body.AsSpan(5)).Name);
    }

    [Fact]
    public async Task A_failure_without_messages_is_trailers_only()
    {
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.EmptyMessage, [("x-status", "5")]);

        Assert.Equal(HttpStatusCode.OK, reply.HttpStatus);
        Assert.True(reply.IsTrailersOnly);
        Assert.Equal(StatusCode.NotFound, reply.Code);
        Assert.Equal("of the exception", reply.Headers["x-trailer"]);
        Assert.Empty(reply.Body);
        Assert.Empty(reply.Trailers);
    }

    [Fact]
    public async Task A_message_outside_printable_ASCII_is_percent_encoded_as_UTF8()
    {
        var message = Convert.ToBase64String(Encoding.UTF8.GetBytes("100 % Größe\n🚀 ~"));
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.EmptyMessage, [("x-status", "9"), ("x-message-bin", message)]);

        Assert.Equal(StatusCode.FailedPrecondition, reply.Code);
        Assert.Equal("100 %25 Gr%C3%B6%C3%9Fe%0A%F0%9F%9A%80 ~", reply.RawMessage);
    }

    [Theory]
    [InlineData("/csi.v1.Identity/Unknown")]
    [InlineData("/no.such.Service/Method")]
    public async Task An_unknown_method_or_service_is_UNIMPLEMENTED(string path) =>
        Assert.Equal(StatusCode.Unimplemented, (await _raw.SendAsync(path, RawCall.EmptyMessage)).Code);

    [Fact]
    public async Task A_method_that_the_service_does_not_override_is_UNIMPLEMENTED() =>
        Assert.Equal(StatusCode.Unimplemented, (await _raw.SendAsync("/csi.v1.Node/NodeGetInfo", RawCall.EmptyMessage, [("x-pass", "1")])).Code);

    [Fact]
    public async Task A_methods_name_is_case_sensitive()
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo.ToLowerInvariant(), RawCall.EmptyMessage);
        // Upstream leaves it to routing, which ignores case.
        Assert.Equal(Flavour.IsUpstream ? StatusCode.OK : StatusCode.Unimplemented, reply.Code);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/json")]
    [InlineData("application/grpcx")]
    [InlineData(null)]
    public async Task Another_content_type_is_415(string? contentType)
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.EmptyMessage, contentType: contentType);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, reply.HttpStatus);
    }

    [Theory]
    [InlineData("application/grpc+proto")]
    [InlineData("application/grpc; charset=utf-8")]
    public async Task Ways_to_say_gRPC_with_protobuf_are_accepted(string contentType)
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.EmptyMessage, contentType: contentType);
        Assert.Equal(StatusCode.OK, reply.Code);
    }

    [Fact]
    public async Task GET_is_refused() => Assert.Equal(
        Flavour.IsUpstream ? HttpStatusCode.NotFound : HttpStatusCode.MethodNotAllowed,
        (await _raw.SendAsync(RawCall.GetPluginInfo, [], method: HttpMethod.Get)).HttpStatus);

    [Theory]
    [InlineData("nothing", "")]
    [InlineData("part of a header", "000000")]
    [InlineData("a header without its message", "0000000004")]
    [InlineData("a cut message", "00000000040A02")]
    [InlineData("two messages", "00000000000000000000")]
    [InlineData("a message and a half header", "0000000000000000")]
    [InlineData("compressed without an encoding", "0100000000")]
    public async Task Malformed_frames_are_INTERNAL(string what, string frameHex)
    {
        Assert.NotEmpty(what);
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, Convert.FromHexString(frameHex), [("x-pass", "1")]);
        Assert.Equal(StatusCode.Internal, reply.Code);
    }

    [Fact]
    public async Task A_compressed_flag_that_is_neither_0_nor_1_is_INTERNAL()
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.Frame([], flag: 2), [("x-pass", "1")]);
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Unknown : StatusCode.Internal, reply.Code);
    }

    [Theory]
    [InlineData("a length beyond the end", "0A7F00")]
    [InlineData("a tag of field 0", "0200")]
    [InlineData("an endless varint", "08FFFFFFFFFFFFFFFFFFFFFF")]
    [InlineData("an invalid wire type", "0F")]
    [InlineData("a group that is not closed", "0B")]
    public async Task Malformed_protobuf_is_INTERNAL(string what, string messageHex)
    {
        Assert.NotEmpty(what);
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.Frame(Convert.FromHexString(messageHex)), [("x-pass", "1")]);
        // Upstream takes the parser's exception for the handler's.
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Unknown : StatusCode.Internal, reply.Code);
        Assert.DoesNotContain("exception:", reply.RawMessage, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Unknown_fields_are_no_error()
    {
        // Field 15, a varint: from a newer version of the contract.
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.Frame([0x78, 0x01]), [("x-pass", "1")]);
        Assert.Equal(StatusCode.OK, reply.Code);
    }

    [Fact]
    public async Task An_unknown_message_encoding_is_UNIMPLEMENTED_and_says_what_is_known()
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.Frame([1, 2, 3], flag: 1), [("grpc-encoding", "snappy")]);
        Assert.Equal(StatusCode.Unimplemented, reply.Code);
        Assert.Contains("gzip", reply.Headers["grpc-accept-encoding"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gzip_message_is_read()
    {
        var message = new DeleteVolumeRequest { VolumeId = new string('v', 100_000) }.ToByteArray();
        var reply = await _raw.SendAsync(
            RawCall.DeleteVolume, RawCall.Frame(RawCall.Gzip(message), flag: 1), [("grpc-encoding", "gzip"), ("x-pass", "1")]);
        Assert.Equal(StatusCode.OK, reply.Code);
        Assert.Equal("100000", reply.Trailers["x-received"]);
    }

    [Fact]
    public async Task An_uncompressed_message_is_read_though_an_encoding_is_named()
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.EmptyMessage, [("grpc-encoding", "gzip")]);
        Assert.Equal(StatusCode.OK, reply.Code);
    }

    [Fact]
    public async Task Bytes_that_are_no_gzip_are_an_error_and_no_crash()
    {
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.Frame([1, 2, 3, 4], flag: 1), [("grpc-encoding", "gzip")]);
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Unknown : StatusCode.Internal, reply.Code);
    }

    [Fact]
    public async Task A_gzip_bomb_is_stopped_at_the_limit()
    {
        var bomb = RawCall.Gzip(new byte[200 * 1024 * 1024]);
        Assert.InRange(bomb.Length, 0, 4 * 1024 * 1024);
        var allocatedBefore = GC.GetTotalAllocatedBytes();
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.Frame(bomb, flag: 1), [("grpc-encoding", "gzip")]);

        // Upstream decompresses all of it and leaves the limit to the buffer.
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Unknown : StatusCode.ResourceExhausted, reply.Code);
        // Decompressing all of it, with a growing buffer, takes more than twice its size; other tests run beside this one.
        if (!Flavour.IsUpstream)
            Assert.InRange(GC.GetTotalAllocatedBytes() - allocatedBefore, 0, 200L * 1024 * 1024);
    }

    [Fact]
    public async Task A_response_is_compressed_only_for_a_caller_that_accepts_it()
    {
        (string, string)[] headers = [("x-pass", "1"), ("x-gzip", "1"), ("x-response-size", "100000")];
        var plain = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.EmptyMessage, headers);
        var compressed = await _raw.SendAsync(
            RawCall.GetPluginInfo, RawCall.EmptyMessage, [.. headers, ("grpc-accept-encoding", "identity, deflate, gzip")]);

        Assert.Equal(0, plain.Body[0]);
        Assert.InRange(plain.Body.Length, 100_000, int.MaxValue);
        Assert.Equal(1, compressed.Body[0]);
        Assert.Equal("gzip", compressed.Headers["grpc-encoding"]);
        Assert.InRange(compressed.Body.Length, 1, 10_000);
    }

    [Theory]
    [InlineData("100m")]
    [InlineData("100000u")]
    [InlineData("100000n")]
    public async Task A_deadline_that_passes_is_DEADLINE_EXCEEDED_and_cancels_the_handler(string timeout)
    {
        var name = Guid.NewGuid().ToString();
        var clock = Stopwatch.StartNew();
        var reply = await _raw.SendAsync(
            RawCall.DeleteVolume, RawCall.EmptyMessage, [("grpc-timeout", timeout), ("x-delay-ms", "20000"), ("x-call", name)]);

        Assert.Equal(StatusCode.DeadlineExceeded, reply.Code);
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 10);
        // So short a deadline may pass before the handler has begun.
        if (TestHost.Calls.Find(name) is { } call)
            await Eventually.TrueAsync(() => call.WasCancelled);
    }

    [Fact]
    public async Task A_deadline_of_no_time_at_all_has_passed()
    {
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.EmptyMessage, [("grpc-timeout", "0S"), ("x-delay-ms", "500")]);
        // Upstream takes it for none.
        Assert.Equal(Flavour.IsUpstream ? StatusCode.OK : StatusCode.DeadlineExceeded, reply.Code);
    }

    [Theory]
    [InlineData("1H")]
    [InlineData("1M")]
    [InlineData("30S")]
    [InlineData("30000m")]
    [InlineData("30000000u")]
    [InlineData("99999999H")]
    public async Task A_deadline_that_does_not_pass_is_seen_by_the_handler(string timeout)
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.EmptyMessage, [("grpc-timeout", timeout), ("x-pass", "1")]);
        var seen = GetPluginInfoResponse.Parser.ParseFrom(reply.Body.AsSpan(5)).Manifest["deadline"];
        var deadline = DateTime.Parse(seen, null, System.Globalization.DateTimeStyles.RoundtripKind);

        var length = timeout[^1] switch
        {
            'H' when timeout.Length > 3 => TimeSpan.MaxValue,
            'H' => TimeSpan.FromHours(1),
            'M' => TimeSpan.FromMinutes(1),
            _ => TimeSpan.FromSeconds(30),
        };
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        if (length == TimeSpan.MaxValue)
            Assert.True(deadline - now > TimeSpan.FromDays(365));
        else
            Assert.InRange(deadline, now + length - TimeSpan.FromSeconds(20), now + length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("S")]
    [InlineData("-1S")]
    [InlineData("1s")]
    [InlineData("1.5S")]
    [InlineData("123456789S")]
    public async Task A_malformed_deadline_is_INTERNAL(string timeout)
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.EmptyMessage, [("grpc-timeout", timeout)]);
        // Upstream takes it for none.
        Assert.Equal(Flavour.IsUpstream ? StatusCode.OK : StatusCode.Internal, reply.Code);
    }

    [Fact]
    public async Task An_unforeseen_exception_is_UNKNOWN_and_tells_nothing()
    {
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.EmptyMessage, [("x-throw", "1")]);
        Assert.Equal(StatusCode.Unknown, reply.Code);
        Assert.Equal("Exception was thrown by handler.", reply.RawMessage);
    }

    [Fact]
    public async Task A_cancellation_that_the_caller_did_not_ask_for_is_CANCELLED()
    {
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.EmptyMessage, [("x-cancel", "1")]);
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Unknown : StatusCode.Cancelled, reply.Code);
        Assert.DoesNotContain("internal", reply.RawMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_handler_that_returns_null_has_failed()
    {
        var reply = await _raw.SendAsync("/csi.v1.Identity/Probe", RawCall.EmptyMessage, [("x-pass", "1")]);
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Cancelled : StatusCode.Unknown, reply.Code);
    }

    [Fact]
    public async Task A_status_that_is_set_and_not_thrown_is_sent()
    {
        var reply = await _raw.SendAsync(RawCall.GetPluginInfo, RawCall.EmptyMessage, [("x-pass", "1"), ("x-set-status", "1")]);
        Assert.Equal(StatusCode.FailedPrecondition, reply.Code);
        Assert.Equal("Set, not thrown.", reply.RawMessage);
    }

    [Fact]
    public async Task The_handler_sees_the_callers_headers_but_not_the_protocols()
    {
        var reply = await _raw.SendAsync(
            RawCall.GetPluginInfo, RawCall.EmptyMessage, [("x-pass", "1"), ("x-mine", "yes"), ("grpc-timeout", "20S"), ("grpc-accept-encoding", "gzip")]);
        var manifest = GetPluginInfoResponse.Parser.ParseFrom(reply.Body.AsSpan(5)).Manifest;

        Assert.Equal("yes", manifest["header:x-mine"]);
        Assert.Equal("/csi.v1.Identity/GetPluginInfo", manifest["method"]);
        Assert.Equal("HTTP/2", manifest["protocol"]);
        Assert.DoesNotContain("header:grpc-timeout", manifest.Keys);
        Assert.DoesNotContain("header:content-type", manifest.Keys);
        Assert.DoesNotContain("header:te", manifest.Keys);
        Assert.DoesNotContain(manifest.Keys, key => key.StartsWith("header::", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("AQI=")]
    [InlineData("AQI")]
    public async Task A_binary_header_is_read_with_and_without_padding(string value)
    {
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.EmptyMessage, [("x-echo-bin", value)]);
        Assert.Equal(StatusCode.OK, reply.Code);
        Assert.Equal("AQI", reply.Headers["x-echo-bin"].TrimEnd('='));
        Assert.Equal("AQI", reply.Trailers["x-echo-bin"].TrimEnd('='));
    }

    [Fact]
    public async Task A_binary_header_that_is_no_base64_is_an_error_and_no_crash()
    {
        var reply = await _raw.SendAsync(RawCall.DeleteVolume, RawCall.EmptyMessage, [("x-echo-bin", "!!!")]);
        Assert.Equal(Flavour.IsUpstream ? StatusCode.Unknown : StatusCode.Internal, reply.Code);
    }

    [Fact]
    public async Task A_message_of_exactly_the_limit_passes_and_one_byte_more_does_not()
    {
        const int limit = 4 * 1024 * 1024;
        // The field's tag takes one byte, its length four.
        var fits = new DeleteVolumeRequest { VolumeId = new string('v', limit - 5) }.ToByteArray();
        var exceeds = new DeleteVolumeRequest { VolumeId = new string('v', limit - 4) }.ToByteArray();
        Assert.Equal(limit, fits.Length);
        Assert.Equal(limit + 1, exceeds.Length);

        Assert.Equal(StatusCode.OK, (await _raw.SendAsync(RawCall.DeleteVolume, RawCall.Frame(fits), [("x-pass", "1")])).Code);
        Assert.Equal(StatusCode.ResourceExhausted, (await _raw.SendAsync(RawCall.DeleteVolume, RawCall.Frame(exceeds), [("x-pass", "1")])).Code);
    }
}
