using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;

namespace Cscm.Grpc.Server;

internal interface IActivator<out T>
{
    /// <param name="services">The call's services.</param>
    /// <param name="owned">True when the caller has to dispose of it.</param>
    public T Get(IServiceProvider services, out bool owned);
}

/// <summary>Gets a service or interceptor for one call: from the container if registered there, newly made if not.</summary>
internal sealed class Activator<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T> : IActivator<T>
    where T : class
{
    private readonly object[] _arguments;
    private readonly Lazy<ObjectFactory<T>> _factory;

    public Activator(object[] arguments)
    {
        _arguments = arguments;
        _factory = new Lazy<ObjectFactory<T>>(
            () => ActivatorUtilities.CreateFactory<T>([.. arguments.Select(argument => argument.GetType())]));
    }

    public T Get(IServiceProvider services, out bool owned)
    {
        owned = false;
        if (_arguments.Length == 0 && services.GetService<T>() is { } registered)
            return registered;
        owned = true;
        return _factory.Value(services, _arguments);
    }

    public static ValueTask DisposeAsync(object instance)
    {
        if (instance is IAsyncDisposable asyncDisposable)
            return asyncDisposable.DisposeAsync();
        (instance as IDisposable)?.Dispose();
        return ValueTask.CompletedTask;
    }
}
