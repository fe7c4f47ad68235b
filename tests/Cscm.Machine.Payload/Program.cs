// The programs of the test machine in one executable, which does what the name says that it was started by: compiled together, they
// share one runtime, and are made once.
using System.Reflection;

string name = Path.GetFileName(Environment.ProcessPath!);
Assembly program = name switch
{
    "cscm" => Assembly.Load("cscm"),
    "Cscm.Storage.Conformance" => typeof(Cscm.Storage.Conformance.Suite).Assembly,
    _ => throw new InvalidOperationException($"there is no program {name} in here"),
};
return (int)program.EntryPoint!.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [args], null)!;
