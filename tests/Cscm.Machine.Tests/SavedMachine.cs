// One machine at a time: two at once would each take nearly twice as long, since each has two processors.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Cscm.Machine.Tests;

/// <summary>Has the state saved that all machines are restored from, before a scenario's time is taken.</summary>
public sealed class SavedMachine : IAsyncLifetime
{
    public Task InitializeAsync()
        => Machines.WhyUnavailable is null ? Machines.PrepareAsync(new MachineOptions { PayloadDirectory = Payload.Directory }) : Task.CompletedTask;

    public Task DisposeAsync() => Task.CompletedTask;
}
