using Cscm.Storage.Linux;
using Mono.Unix.Native;

namespace Cscm.Storage.Volumes;

/// <summary>The outer wall: only <see cref="StorageException"/> and cancellation pass it.</summary>
internal static class ErrorBoundary
{
    public static async Task<T> RunAsync<T>(Func<Task<T>> act)
    {
        try
        {
            return await act();
        }
        catch (LinuxException e)
        {
            throw new StorageException(KindOf(e.Errno), e.Message, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StorageException(StorageErrorKind.Internal, e.Message, e);
        }
    }

    public static Task RunAsync(Func<Task> act) => RunAsync(async () =>
    {
        await act();
        return true;
    });

    private static StorageErrorKind KindOf(Errno errno) => errno switch
    {
        Errno.ENOSPC or Errno.EDQUOT or Errno.ENOMEM => StorageErrorKind.ResourceExhausted,
        Errno.EROFS or Errno.EPERM or Errno.EACCES => StorageErrorKind.FailedPrecondition,
        _ => StorageErrorKind.Internal,
    };
}
