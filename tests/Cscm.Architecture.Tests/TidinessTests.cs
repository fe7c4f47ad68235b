namespace Cscm.Architecture.Tests;

/// <summary>House rules that a compiler does not hold.</summary>
public sealed class TidinessTests
{
    private const int MaximumLines = 500;

    [Fact]
    public void No_source_file_has_outgrown_one_room()
    {
        string[] large = [.. Repository.SourceFiles("src").Where(file => File.ReadLines(file).Count() > MaximumLines)];
        Assert.Empty(large);
    }

    [Fact]
    public void Processes_are_started_in_few_places_and_never_through_a_shell()
    {
        string[] starters = [.. Repository.SourceFiles("src").Where(file => File.ReadAllText(file).Contains("new ProcessStartInfo", StringComparison.Ordinal))];
        Assert.All(starters, file => Assert.DoesNotContain("\"-c\"", File.ReadAllText(file), StringComparison.Ordinal));
        Assert.All(starters, file => Assert.DoesNotContain("UseShellExecute = true", File.ReadAllText(file), StringComparison.Ordinal));
    }

    [Fact]
    public void Every_decision_has_a_number_of_its_own()
    {
        string[] numbers = [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs", "decisions"), "*.md").Select(file => Path.GetFileName(file)[..4])];
        Assert.NotEmpty(numbers);
        Assert.All(numbers, number => Assert.True(int.TryParse(number, out _), number));
        Assert.Equal(numbers.Length, numbers.Distinct().Count());
    }
}
