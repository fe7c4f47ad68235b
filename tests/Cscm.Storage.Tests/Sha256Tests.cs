using System.Security.Cryptography;
using Cscm.Storage.State;

namespace Cscm.Storage.Tests;

/// <summary>Our SHA-256 is the one of the base library.</summary>
public sealed class Sha256Tests
{
    [Fact]
    public void Every_length_around_the_blocks_hashes_as_the_base_library_does()
    {
        var random = new Random(20261122);
        for (int sizeBytes = 0; sizeBytes < 300; sizeBytes++)
        {
            byte[] data = new byte[sizeBytes];
            random.NextBytes(data);
            Assert.Equal(SHA256.HashData(data), Sha256.Hash(data));
        }
    }
}
