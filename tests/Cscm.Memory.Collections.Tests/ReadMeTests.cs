using System.Text;

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

    // The README's example, but for where it writes.
    private static string RunToDo(string path, params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
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

        return output.ToString();
    }
}
