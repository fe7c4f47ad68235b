using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cscm.Storage.Regions;

/// <summary>The inventory as JSON: names in camelCase, sizes in bytes, enumerations by name.</summary>
public static class InventoryJson
{
    public static string Render(Inventory inventory) => JsonSerializer.Serialize(inventory, InventoryJsonContext.Default.Inventory);

    /// <exception cref="JsonException">The text is no inventory.</exception>
    public static Inventory Parse(string json) => JsonSerializer.Deserialize(json, InventoryJsonContext.Default.Inventory)
        ?? throw new JsonException("null is no inventory");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(Inventory))]
internal sealed partial class InventoryJsonContext : JsonSerializerContext;
