using System.Runtime.CompilerServices;

namespace Cscm.Storage.Conformance;

/// <summary>The pool did not do what it must.</summary>
public sealed class ConformanceException(string message) : Exception(message);

/// <summary>Assertions that work without a test framework, in the machine too.</summary>
internal static class Require
{
    public static void That(bool holds, string otherwise)
    {
        if (!holds)
            throw new ConformanceException(otherwise);
    }

    public static void Equal<T>(T expected, T found, [CallerArgumentExpression(nameof(found))] string what = "")
        => That(EqualityComparer<T>.Default.Equals(expected, found), $"{what}: expected {expected}, found {found}");

    /// <summary>The call is refused, and the message says what to do.</summary>
    public static async Task RefusedAsync(StorageErrorKind kind, Func<Task> call, [CallerArgumentExpression(nameof(call))] string what = "")
    {
        try
        {
            await call();
        }
        catch (StorageException e)
        {
            That(e.Kind == kind, $"{what}: refused with {e.Kind} ({e.Message}) instead of {kind}");
            return;
        }
        throw new ConformanceException($"{what}: accepted instead of refused with {kind}");
    }
}
