using System.Reflection;

namespace Cscm.Machine.Payload;

/// <summary>The programs by their names, entered as their own executables would enter them.</summary>
internal static class Programs
{
    public static int Run(string name, string[] arguments)
    {
        Assembly program = name switch
        {
            "cscm" => Assembly.Load("cscm"),
            "Cscm.Storage.Conformance" => typeof(Storage.Conformance.Suite).Assembly,
            _ => throw new InvalidOperationException($"there is no program {name} in here"),
        };
        return (int)program.EntryPoint!.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [arguments], null)!;
    }
}
