using Csi.V1;
using Cscm.Csi.Tests.Fakes;
using Cscm.Storage;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Cscm.Csi.Tests.Services;

/// <summary>One line per call: method, code, duration, volume; what the caller must not see goes to the log alone.</summary>
public sealed class CallLogTests
{
    [Fact]
    public async Task A_call_is_one_line_with_method_code_duration_and_volume()
    {
        var driver = new InProcessDriver(LogLevel.Information);
        await driver.CallAsync(ValidRequests.Of<NodeUnpublishVolumeRequest>());
        (LogLevel level, string text, _) = Assert.Single(driver.Log.Lines);
        Assert.Equal(LogLevel.Information, level);
        Assert.Matches(@"^/csi\.v1/NodeUnpublishVolume OK \d+\.\d ms vol-1 ?$", text);
    }

    [Fact]
    public async Task A_refusal_is_logged_with_its_code_and_message()
    {
        var driver = new InProcessDriver(LogLevel.Information);
        Status status = await driver.StatusOfAsync(new DeleteVolumeRequest());
        (_, string text, _) = Assert.Single(driver.Log.Lines);
        Assert.Contains("DeleteVolume InvalidArgument", text, StringComparison.Ordinal);
        Assert.EndsWith(status.Detail, text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Requests_are_logged_at_debug_without_their_secrets()
    {
        var driver = new InProcessDriver();
        foreach (Google.Protobuf.IMessage request in ValidRequests.All)
            await driver.CallAsync(request);
        Assert.Contains(driver.Log.Lines, line => line is { Level: LogLevel.Debug } && line.Text.Contains("pvc-1", StringComparison.Ordinal));
        Assert.DoesNotContain(driver.Log.Lines, line => line.Text.Contains("s3cret", StringComparison.Ordinal));
        Assert.Equal(ValidRequests.All.Count, driver.Log.Lines.Count(line => line.Text.Contains(" OK ", StringComparison.Ordinal)));
    }

    /// <summary>Probes and capabilities come by the minute and say nothing of any volume; when they fail, they do.</summary>
    [Fact]
    public async Task What_names_nothing_and_succeeds_is_logged_at_debug()
    {
        var driver = new InProcessDriver();
        await driver.CallAsync(ValidRequests.Of<ProbeRequest>());
        Assert.All(driver.Log.Lines, line => Assert.Equal(LogLevel.Debug, line.Level));
        Assert.Contains(driver.Log.Lines, line => line.Text.Contains("Probe OK", StringComparison.Ordinal));
        await driver.StatusOfAsync(new GetCapacityRequest { VolumeCapabilities = { new VolumeCapability() } });
        Assert.Contains(driver.Log.Lines, line => line.Level == LogLevel.Information && line.Text.Contains("GetCapacity InvalidArgument", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Text_of_the_caller_cannot_forge_a_line()
    {
        var driver = new InProcessDriver();
        await driver.CallAsync(new DeleteVolumeRequest { VolumeId = "x\n/csi.v1/Forged OK 1.0 ms" });
        Assert.All(driver.Log.Lines, line => Assert.DoesNotContain(line.Text, char.IsControl));
    }

    [Fact]
    public async Task An_unforeseen_fault_is_internal_for_the_caller_and_whole_in_the_log()
    {
        var driver = new InProcessDriver { Storage = { Failure = new InvalidOperationException("secret path /var/lib") } };
        Status status = await driver.StatusOfAsync(ValidRequests.Of<DeleteVolumeRequest>());
        Assert.Equal(StatusCode.Internal, status.StatusCode);
        Assert.DoesNotContain("secret path", status.Detail, StringComparison.Ordinal);
        Assert.Contains("see its log", status.Detail, StringComparison.Ordinal);
        Assert.Contains(driver.Log.Lines, line => line.Level == LogLevel.Error && line.Exception is InvalidOperationException);
    }

    [Theory]
    [InlineData(true, StatusCode.DeadlineExceeded)]
    [InlineData(false, StatusCode.Cancelled)]
    public async Task A_call_that_was_given_up_says_whether_it_was_late(bool isLate, StatusCode expected)
    {
        var driver = new InProcessDriver { Storage = { Failure = new OperationCanceledException() } };
        DateTime? deadline = isLate ? DateTime.UnixEpoch : null;
        var thrown = await Assert.ThrowsAsync<RpcException>(() => driver.CallAsync(ValidRequests.Of<DeleteVolumeRequest>(), deadline, new CancellationToken(canceled: true)));
        Assert.Equal(expected, thrown.StatusCode);
    }

    public static TheoryData<StorageErrorKind> Kinds() => new(Enum.GetValues<StorageErrorKind>());

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Each_refusal_of_storage_is_the_code_of_its_name(StorageErrorKind kind)
    {
        var driver = new InProcessDriver { Storage = { Failure = new StorageException(kind, "volume x is odd: do y") } };
        Status status = await driver.StatusOfAsync(ValidRequests.Of<DeleteVolumeRequest>());
        Assert.Equal(Enum.Parse<StatusCode>(kind.ToString()), status.StatusCode);
        Assert.Equal("volume x is odd: do y", status.Detail);
    }

    [Fact]
    public async Task A_refusal_inside_a_stream_keeps_its_code()
    {
        var driver = new InProcessDriver { Storage = { Failure = new StorageException(StorageErrorKind.NotFound, "gone") } };
        Status status = await driver.StatusOfAsync(ValidRequests.Of<GetMetadataAllocatedRequest>());
        Assert.Equal(new Status(StatusCode.NotFound, "gone"), status);
    }
}
