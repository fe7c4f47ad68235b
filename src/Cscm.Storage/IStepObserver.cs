namespace Cscm.Storage;

/// <summary>
/// Told of every step of a change, just before its side effect. The crash tests stop the process there; production passes
/// <see cref="None"/>. Steps are named <c>area.verb-object</c>, e.g. <c>file.allocate-image</c>.
/// </summary>
public interface IStepObserver
{
    public static IStepObserver None { get; } = new NoObserver();

    public void Reached(string step);

    private sealed class NoObserver : IStepObserver
    {
        public void Reached(string step)
        {
        }
    }
}
