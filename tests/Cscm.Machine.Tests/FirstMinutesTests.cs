namespace Cscm.Machine.Tests;

/// <summary>The operator's first minutes as README.md tells them, command by command, on an NVDIMM nobody has touched.</summary>
public sealed class FirstMinutesTests : IClassFixture<SavedMachine>
{
    private const long Mib = 1L << 20;
    private const string Heading = "## An operator's first ten minutes";
    private const string Serve = "cscm serve";

    /// <summary>A dozen programs, each started by an emulated processor.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(10);

    [MachineFact]
    public async Task The_commands_of_the_readme_lead_from_a_bare_region_to_proven_memory_and_back()
    {
        string commands = CommandsOfTheReadme();
        Assert.Contains(Serve, commands, StringComparison.Ordinal);
        await using VirtualMachine machine = await Machines.StartAsync(new MachineOptions { Nvdimms = [new Nvdimm(1024 * Mib)], PayloadDirectory = Payload.Directory });
        string script = string.Join('\n', commands.Split('\n').Select(Adapt));
        string output = (await machine.RunAsync(["sh", "-euc", script], limit: s_limit)).EnsureSuccess().Output;

        Assert.Contains("DAX Proven, MAP_SYNC Proven, 2 MiB mappings Proven", output, StringComparison.Ordinal);
        Assert.Matches(@"fast +lvm +yes", output);
        Assert.Matches(@"cscm-\w+ +orders +fast +\S+ +xfs +proven +proven +proven", output);
        Assert.Contains("no volumes", await machine.MustRunAsync("cscm", "volumes"), StringComparison.Ordinal);
    }

    /// <summary>The machine's region is smaller than an operator's, and nobody waits between two commands here.</summary>
    private static string Adapt(string line)
    {
        string adapted = line.Replace("200Gi", "900Mi", StringComparison.Ordinal).Replace("10Gi", "400Mi", StringComparison.Ordinal);
        return line.StartsWith(Serve, StringComparison.Ordinal)
            ? adapted.Replace(" &", " > /tmp/serve.log 2>&1 &", StringComparison.Ordinal) + "\nfor _ in $(seq 300); do [ ! -S /run/cscm/csi.sock ] || break; sleep 0.1; done"
            : adapted;
    }

    private static string CommandsOfTheReadme()
    {
        string readme = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "README.md"));
        string section = readme[readme.IndexOf(Heading, StringComparison.Ordinal)..];
        int start = section.IndexOf("```sh\n", StringComparison.Ordinal) + "```sh\n".Length;
        return section[start..section.IndexOf("```", start, StringComparison.Ordinal)];
    }
}
