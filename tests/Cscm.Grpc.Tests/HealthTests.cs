using Grpc.Core;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Microsoft.Extensions.DependencyInjection;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Cscm.Grpc.Tests;

/// <summary>grpc.health.v1.</summary>
public sealed class HealthTests(HostFixture host) : IClassFixture<HostFixture>
{
    [Fact]
    public async Task Check_says_what_was_set()
    {
        using var channel = host.Connect();
        var client = new Health.HealthClient(channel);
        Assert.Equal(ServingStatus.Serving, (await client.CheckAsync(new HealthCheckRequest())).Status);
        Assert.Equal(ServingStatus.NotServing, (await client.CheckAsync(new HealthCheckRequest { Service = "csi.v1.Node" })).Status);
        var error = await Assert.ThrowsAsync<RpcException>(async () => await client.CheckAsync(new HealthCheckRequest { Service = "none" }));
        Assert.Equal(StatusCode.NotFound, error.StatusCode);
    }

    [Fact]
    public async Task Watch_tells_the_state_and_each_change()
    {
        using var channel = host.Connect();
        var health = host.Services.GetRequiredService<HealthServiceImpl>();
        var service = Guid.NewGuid().ToString();
        using var call = new Health.HealthClient(channel).Watch(new HealthCheckRequest { Service = service });

        await NextIs(ServingStatus.ServiceUnknown);
        health.SetStatus(service, ServingStatus.Serving);
        await NextIs(ServingStatus.Serving);
        health.SetStatus(service, ServingStatus.NotServing);
        await NextIs(ServingStatus.NotServing);
        health.ClearStatus(service);
        await NextIs(ServingStatus.ServiceUnknown);

        async Task NextIs(ServingStatus expected)
        {
            using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            Assert.True(await call.ResponseStream.MoveNext(soon.Token));
            Assert.Equal(expected, call.ResponseStream.Current.Status);
        }
    }

    [Fact]
    public async Task Setting_the_same_state_again_tells_nothing()
    {
        using var channel = host.Connect();
        var health = host.Services.GetRequiredService<HealthServiceImpl>();
        var service = Guid.NewGuid().ToString();
        health.SetStatus(service, ServingStatus.Serving);
        using var call = new Health.HealthClient(channel).Watch(new HealthCheckRequest { Service = service });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));

        health.SetStatus(service, ServingStatus.Serving);
        var next = call.ResponseStream.MoveNext(CancellationToken.None);
        Assert.NotSame(next, await Task.WhenAny(next, Task.Delay(300)));
        health.SetStatus(service, ServingStatus.NotServing);
        Assert.True(await next);
        Assert.Equal(ServingStatus.NotServing, call.ResponseStream.Current.Status);
    }
}
