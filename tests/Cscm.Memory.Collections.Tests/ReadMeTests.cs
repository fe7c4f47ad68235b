using System.Text;
using System.Text.RegularExpressions;

namespace Cscm.Memory.Collections.Tests;

public sealed class ReadMeTests
{
    [Fact]
    public void A_durable_to_do_list_takes_ten_lines()
    {
        string path = Path.Combine(Path.GetTempPath(), $"cscm-to-do-{Guid.NewGuid():n}");
        try
        {
            Assert.Equal("buy milk\n", RunToDo(path, "add", "buy milk"));
            Assert.Equal("buy milk\ncall home\n", RunToDo(path, "add", "call home"));
            Assert.Equal("buy milk\ncall home\n", RunToDo(path));
            Assert.Equal("call home\n", RunToDo(path, "done", "buy milk"));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("src/Cscm.Memory/README.md")]
    public void The_readme_shows_the_to_do_list_that_is_tested_here(string readMe)
    {
        string source = Read("tests/Cscm.Memory.Collections.Tests/ReadMeTests.cs");
        string tested = source.Split("// The example " + "begins")[1].Split("// The example " + "ends")[0];
        string shown = ExampleWith("new ScmByteTree(heap, \"to do\")", Read(readMe));
        Assert.Contains("ScmHeap.OpenOrCreate(", shown, StringComparison.Ordinal);
        Assert.Equal(Essence(tested), Essence(shown));
        Assert.InRange(Lines(shown).Count(line => !line.StartsWith("using Cscm", StringComparison.Ordinal) && !line.StartsWith("using System", StringComparison.Ordinal)), 1, 10);
    }

    private static string RunToDo(string path, params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        // The example begins
        using var heap = ScmHeap.OpenOrCreate(path, 16 << 20);
        var items = new ScmByteTree(heap, "to do");
        if (args is ["add", var text])
        {
            items.Set(Encoding.UTF8.GetBytes(text), default);
        }
        else if (args is ["done", var finished])
        {
            items.Remove(Encoding.UTF8.GetBytes(finished));
        }

        foreach ((byte[] item, _) in items)
        {
            output.WriteLine(Encoding.UTF8.GetString(item));
        }

        // The example ends
        return output.ToString();
    }

    private static string Read(string file) => File.ReadAllText(Path.Combine(RepositoryRoot.Path, file));

    /// <summary>The C# block of a text that holds these words.</summary>
    private static string ExampleWith(string words, string markdown) =>
        markdown.Split("```csharp\n").Skip(1)
            .Select(block => block.Split("```")[0])
            .Single(block => block.Contains(words, StringComparison.Ordinal));

    private static IEnumerable<string> Lines(string code) =>
        code.Split('\n').Select(line => line.Split("//")[0].Trim()).Where(line => line.Length > 0);

    /// <summary>The statements, but for where they write and how they are laid out: braces, blanks, comments and imports.</summary>
    private static string Essence(string code)
    {
        IEnumerable<string> statements = Lines(code).Where(line => !Regex.IsMatch(line, "^using [\\w.]+;$", RegexOptions.None, TimeSpan.FromSeconds(10)));
        string text = string.Concat(statements).Replace("Console.WriteLine", "output.WriteLine", StringComparison.Ordinal);
        text = Regex.Replace(text, "OpenOrCreate\\(\"[^\"]+\"", "OpenOrCreate(path", RegexOptions.None, TimeSpan.FromSeconds(10));
        return Regex.Replace(text, "[\\s{}]", "", RegexOptions.None, TimeSpan.FromSeconds(10));
    }
}
