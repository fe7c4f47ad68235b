namespace Cscm;

/// <summary>The checkout that these tests were built in. Not from source paths, which deterministic builds replace.</summary>
internal static class RepositoryRoot
{
    public static string Path { get; } = Find();

    private static string Find()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(directory.FullName, "Cscm.sln")))
                return directory.FullName;
        }
        throw new DirectoryNotFoundException($"no directory above {AppContext.BaseDirectory} holds Cscm.sln: build the tests inside the checkout");
    }
}
