namespace Cscm.Machine;

/// <summary>One maker at a time, over all processes: of what is made once and used by many.</summary>
internal static class Exclusive
{
    /// <summary>Waits for the lock; disposing the result gives it back.</summary>
    public static async Task<FileStream> TakeAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (!cancellationToken.IsCancellationRequested)
            {
                await Task.Delay(20, cancellationToken);
            }
        }
    }
}
