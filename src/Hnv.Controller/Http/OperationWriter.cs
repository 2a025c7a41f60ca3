using System.Text.Json;
using Hnv.Contracts;
using Hnv.Controller.Engine;

namespace Hnv.Controller.Http;

/// <summary>Prints <c>operations</c> documents (7.12).</summary>
internal static class OperationWriter
{
    public static void Write(Utf8JsonWriter json, Operation operation)
    {
        json.WriteStartObject();
        WriteStatus(json, operation);
        json.WriteEndObject();
    }

    public static void WriteList(Utf8JsonWriter json, IReadOnlyList<Operation> operations)
    {
        json.WriteStartObject();
        json.WriteStartArray("value");
        foreach (Operation operation in operations)
        {
            json.WriteStartObject();
            json.WriteString("resourceRef", $"/operations/{operation.Id:D}");
            json.WriteString("resourceId", operation.Id.ToString("D"));
            json.WriteStartObject("properties");
            json.WriteString("target", operation.Target);
            json.WriteString("verb", operation.IsDelete ? "DELETE" : "PUT");
            WriteStatus(json, operation);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("nextLink", "");
        json.WriteEndObject();
    }

    private static void WriteStatus(Utf8JsonWriter json, Operation operation)
    {
        json.WriteString("status", operation.Status.ToString());
        if (operation.Error is { } error)
        {
            json.WritePropertyName("error");
            JsonSerializer.Serialize(json, error, ContractJson.Default.ErrorBody);
        }
    }
}
