using System.Buffers;
using System.Text;
using Cscm.Storage.Linux;
using Cscm.Storage.State;

namespace Cscm.Storage.Publishing;

/// <summary>Rules for the paths that an orchestrator gives, checked before anything is done with them.</summary>
internal static class TargetPaths
{
    private const int LongestBytes = 4095;

    private static readonly SearchValues<char> s_controls = SearchValues.Create([.. Enumerable.Range(0, 0xA0).Select(code => (char)code).Where(char.IsControl)]);

    /// <exception cref="StorageException">InvalidArgument.</exception>
    public static void RequireWellFormed(string path, string noun)
    {
        string? problem =
            path.Length == 0 ? "is empty: give an absolute path"
            : Encoding.UTF8.GetByteCount(path) > LongestBytes ? $"is longer than {LongestBytes} bytes: shorten it"
            : path.AsSpan().ContainsAny(s_controls) ? "holds a control character: remove it"
            : path[0] != '/' ? "is not absolute: start it with /"
            : path == "/" ? "is the root directory: give a directory of its own"
            : HasImplicitComponent(path) ? "has an empty, '.' or '..' component: give it in its plain form"
            : null;
        if (problem is not null)
            throw new StorageException(StorageErrorKind.InvalidArgument, $"{noun} {Printable(path)} {problem}");
    }

    /// <summary>Checks that a mount can be put at a path, which may or may not exist; changes nothing.</summary>
    /// <returns>What has to be made there.</returns>
    /// <exception cref="StorageException">
    /// InvalidArgument: it is a link or of the wrong kind. FailedPrecondition: no parent, not empty, or something is mounted there.
    /// </exception>
    public static MadeAtPath RequireUsable(string path, string noun, PathKind kind)
    {
        using SafePath? existing = SafePath.TryOpen(path);
        if (existing is null)
        {
            using SafePath? parent = SafePath.TryOpen(path[..Math.Max(1, path.LastIndexOf('/'))]);
            if (parent is null)
                throw Refusal(StorageErrorKind.FailedPrecondition, "has no parent directory: the orchestrator must make it first");
            if (parent.GetStatus().Kind != PathKind.Directory)
                throw Refusal(StorageErrorKind.InvalidArgument, "lies below something that is not a directory");
            return kind == PathKind.Directory ? MadeAtPath.Directory : MadeAtPath.File;
        }
        PathStatus status = existing.GetStatus();
        if (status.IsMountPoint)
            throw Refusal(StorageErrorKind.FailedPrecondition, "has something else mounted on it: unmount that, or give another path");
        if (status.Kind != kind)
            throw Refusal(StorageErrorKind.InvalidArgument, $"is not a {(kind == PathKind.Directory ? "directory" : "regular file")}: remove it, or give another path");
        if (kind == PathKind.Directory && !existing.IsEmptyDirectory())
            throw Refusal(StorageErrorKind.FailedPrecondition, "is not empty, and a mount would hide what is in it: empty it, or give another path");
        return MadeAtPath.Nothing;

        StorageException Refusal(StorageErrorKind error, string problem) => new(error, $"{noun} {path} {problem}");
    }

    private static bool HasImplicitComponent(string path)
    {
        ReadOnlySpan<char> rest = path.AsSpan(1);
        foreach (Range component in rest.Split('/'))
        {
            if (rest[component] is "" or "." or "..")
                return true;
        }
        return false;
    }

    private static string Printable(string path)
    {
        string shown = path.Length > 80 ? path[..80] + "…" : path;
        return new string([.. shown.Select(c => char.IsControl(c) ? '?' : c)]);
    }
}
