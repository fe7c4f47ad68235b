using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Cscm.Grpc.Reflection;

/// <summary>What the server's services are made of, by name. Built once, then read-only.</summary>
internal sealed class SymbolRegistry
{
    private readonly Dictionary<string, FileDescriptor> _filesByName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, FileDescriptor> _filesBySymbol = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedDictionary<int, FileDescriptor>> _extensions = new(StringComparer.Ordinal);

    public SymbolRegistry(IEnumerable<ServiceDescriptor> services)
    {
        var names = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var service in services)
        {
            names.Add(service.FullName);
            AddFile(service.File);
        }
        ServiceNames = [.. names];
    }

    public IReadOnlyList<string> ServiceNames { get; }

    public FileDescriptor? FileByName(string name) => _filesByName.GetValueOrDefault(name);

    public FileDescriptor? FileBySymbol(string symbol) => _filesBySymbol.GetValueOrDefault(symbol);

    public FileDescriptor? FileByExtension(string typeName, int number) =>
        _extensions.TryGetValue(typeName, out var byNumber) ? byNumber.GetValueOrDefault(number) : null;

    /// <summary>Null for an unknown type.</summary>
    public IReadOnlyList<int>? ExtensionNumbers(string typeName) =>
        _extensions.TryGetValue(typeName, out var byNumber) ? [.. byNumber.Keys]
        : _filesBySymbol.ContainsKey(typeName) ? []
        : null;

    /// <summary>The file after everything it imports, serialized.</summary>
    public static IEnumerable<ByteString> WithImports(FileDescriptor file)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var ordered = new List<ByteString>();
        Visit(file);
        // Tools expect the file they asked for first.
        ordered.Reverse();
        return ordered;

        void Visit(FileDescriptor current)
        {
            if (!seen.Add(current.Name))
                return;
            foreach (var import in current.Dependencies)
                Visit(import);
            ordered.Add(current.SerializedData);
        }
    }

    private void AddFile(FileDescriptor file)
    {
        if (!_filesByName.TryAdd(file.Name, file))
            return;
        foreach (var import in file.Dependencies)
            AddFile(import);
        foreach (var service in file.Services)
        {
            _filesBySymbol[service.FullName] = file;
            foreach (var method in service.Methods)
                _filesBySymbol[method.FullName] = file;
        }
        foreach (var message in file.MessageTypes)
            AddMessage(file, message);
        foreach (var type in file.EnumTypes)
            AddEnum(file, type);
        foreach (var extension in file.Extensions.UnorderedExtensions)
            AddExtension(file, extension);
    }

    private void AddMessage(FileDescriptor file, MessageDescriptor message)
    {
        _filesBySymbol[message.FullName] = file;
        foreach (var field in message.Fields.InDeclarationOrder())
            _filesBySymbol[field.FullName] = file;
        foreach (var oneof in message.Oneofs)
            _filesBySymbol[oneof.FullName] = file;
        foreach (var nested in message.NestedTypes)
            AddMessage(file, nested);
        foreach (var type in message.EnumTypes)
            AddEnum(file, type);
        foreach (var extension in message.Extensions.UnorderedExtensions)
            AddExtension(file, extension);
    }

    private void AddEnum(FileDescriptor file, EnumDescriptor type)
    {
        _filesBySymbol[type.FullName] = file;
        // As in C++, values live beside their type, not in it.
        var scope = type.FullName[..^type.Name.Length];
        foreach (var value in type.Values)
            _filesBySymbol[scope + value.Name] = file;
    }

    private void AddExtension(FileDescriptor file, FieldDescriptor extension)
    {
        _filesBySymbol[extension.FullName] = file;
        var extended = extension.ExtendeeType.FullName;
        if (!_extensions.TryGetValue(extended, out var byNumber))
            _extensions[extended] = byNumber = [];
        byNumber[extension.FieldNumber] = file;
    }
}
