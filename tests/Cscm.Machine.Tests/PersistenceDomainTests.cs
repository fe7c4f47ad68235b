using Cscm.Storage.Regions;

namespace Cscm.Machine.Tests;

public sealed class PersistenceDomainTests : IClassFixture<SavedMachine>
{
    [MachineTheory]
    [InlineData(PlatformPersistence.CpuCache, PersistenceDomain.CpuCache)]
    [InlineData(PlatformPersistence.Unknown, PersistenceDomain.Unknown)]
    public async Task The_platforms_persistence_domain_is_read_and_its_silence_is_not_taken_for_a_promise(PlatformPersistence platform, PersistenceDomain expected)
    {
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions
        {
            Nvdimms = [new Nvdimm(256L << 20)],
            Persistence = platform,
            PayloadDirectory = Payload.Directory,
        });
        // From cold, as an operator starts it: not by a process that waits in the saved state.
        Inventory inventory = InventoryJson.Parse(await machine.MustRunAsync("/payload/cscm", "regions", "--json"));
        Assert.Equal(expected, Assert.Single(inventory.Regions).PersistenceDomain);
    }
}
