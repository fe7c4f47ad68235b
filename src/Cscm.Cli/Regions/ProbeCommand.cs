using System.CommandLine;
using Cscm.Storage;
using Cscm.Storage.Proof;

namespace Cscm.Cli.Regions;

/// <summary><c>cscm probe</c>: what can be proven of the memory below mounted directories; also for use inside a pod.</summary>
internal static class ProbeCommand
{
    public static Command Create()
    {
        var directories = new Argument<string[]>("directory") { Description = "Where a file system is mounted", Arity = ArgumentArity.OneOrMore };
        var json = new Option<bool>("--json") { Description = "The proofs as JSON, by directory" };
        var command = new Command("probe", "Prove DAX, MAP_SYNC and 2 MiB mappings of mounted directories; fails if DAX with MAP_SYNC is not proven") { directories, json };
        command.SetAction(parsed =>
        {
            try
            {
                var proofs = parsed.GetRequiredValue(directories).Distinct().ToDictionary(directory => directory, directory => DaxProver.Prove(Path.GetFullPath(directory)));
                if (parsed.GetValue(json))
                    Console.WriteLine(DaxProofJson.Render(proofs));
                else
                    Write(proofs);
                return proofs.Values.All(proof => proof.IsDirect) ? 0 : 1;
            }
            catch (Exception exception) when (exception is StorageException or IOException)
            {
                Console.Error.WriteLine($"cscm probe: {exception.Message}");
                return 2;
            }
        });
        return command;
    }

    private static void Write(Dictionary<string, DaxProof> proofs)
    {
        foreach ((string directory, DaxProof proof) in proofs)
        {
            Console.WriteLine($"{directory}: DAX {proof.Dax}, MAP_SYNC {proof.MapSync}, 2 MiB mappings {proof.HugeMappings}");
            if (proof.Reason.Length > 0)
                Console.WriteLine($"  {proof.Reason}");
        }
    }
}
