using Cscm.Grpc.TestHost;
using Microsoft.Extensions.Hosting;

if (args is not [var socketPath])
{
    Console.Error.WriteLine("usage: Cscm.Grpc.TestHost /path/of/socket");
    return 2;
}
await using var server = TestServer.Create(socketPath);
await server.StartAsync();
Console.WriteLine($"serving on {socketPath}");
await server.WaitForShutdownAsync();
return 0;
