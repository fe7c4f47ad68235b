namespace Cscm.Storage.Tests;

internal static class Refusal
{
    /// <summary>Asserts that a call is refused with a code, in words that help; returns the words.</summary>
    public static async Task<string> OfAsync(StorageErrorKind kind, Func<Task> call)
    {
        StorageException refusal = await Assert.ThrowsAsync<StorageException>(call);
        Assert.True(refusal.Kind == kind, $"expected {kind}, got {refusal.Kind}: {refusal.Message}");
        Assert.True(refusal.Message.Length > 15 && !refusal.Message.Contains('\n'), refusal.Message);
        return refusal.Message;
    }
}
