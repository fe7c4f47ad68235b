using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Cscm.Kubernetes;

/// <summary>Times with six decimals in UTC: a Lease's fields (meta/v1 MicroTime) take no other number of them, all others take any.</summary>
internal sealed class MicroTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
        => writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));
}
