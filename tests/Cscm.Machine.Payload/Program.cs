// The programs of the test machine in one executable, which does what the name says that it was started by: compiled together, they
// share one runtime, and are made once. As "warm" it waits until it is asked to be one of them.
using Cscm.Machine.Payload;

string name = Path.GetFileName(Environment.ProcessPath!);
return name == "warm" ? WarmProcess.Run(args[0]) : Programs.Run(name, args);
