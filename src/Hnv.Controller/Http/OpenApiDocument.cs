using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Http;

/// <summary>The OpenAPI document of the API, made from the same descriptors that serve it.</summary>
internal static class OpenApiDocument
{
    public static JsonObject Build(Catalog catalog)
    {
        var paths = new JsonObject();
        var schemas = new JsonObject();
        foreach (ResourceType type in catalog.Types)
        {
            Add(type, "/networking/{version}", paths, schemas);
        }

        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject { ["title"] = "OpenHNV Network Controller", ["version"] = ApiVersion.All[^1].ToString() },
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = schemas },
        };
    }

    private static void Add(ResourceType type, string prefix, JsonObject paths, JsonObject schemas)
    {
        string collection = $"{prefix}/{type.Name}";
        string parameter = $"{type.Path.Replace('/', '_')}_id";
        string resource = type.SingletonId is { } only ? $"{collection}/{only}" : $"{collection}/{{{parameter}}}";
        string name = type.Path.Replace('/', '.');
        if (type.SingletonId is null && type.Addressable)
        {
            paths[collection] = new JsonObject { ["get"] = Operation($"list {type.Path}", null, name) };
        }

        var verbs = new JsonObject { ["get"] = Operation($"read one of {type.Path}", null, name) };
        if (type.Writable)
        {
            verbs["put"] = Operation($"create or replace one of {type.Path}", name, name);
            if (type.SingletonId is null)
            {
                verbs["delete"] = Operation($"delete one of {type.Path}", null, null);
            }
        }

        if (type.Addressable)
        {
            paths[resource] = verbs;
        }

        JsonObject properties = type.Properties.Describe();
        foreach (ResourceType child in type.Children)
        {
            properties[child.Name] = new JsonObject { ["type"] = "array", ["items"] = Reference(child.Path.Replace('/', '.')) };
            Add(child, resource, paths, schemas);
        }

        schemas[name] = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject
            {
                ["resourceId"] = new JsonObject { ["type"] = "string" },
                ["resourceRef"] = new JsonObject { ["type"] = "string", ["readOnly"] = true },
                ["instanceId"] = new JsonObject { ["type"] = "string", ["format"] = "uuid" },
                ["etag"] = new JsonObject { ["type"] = "string", ["readOnly"] = true },
                ["properties"] = new JsonObject { ["type"] = "object", ["properties"] = properties },
            },
        };
    }

    private static JsonObject Operation(string summary, string? request, string? answer)
    {
        var operation = new JsonObject { ["summary"] = summary };
        if (request is not null)
        {
            operation["requestBody"] = new JsonObject { ["content"] = Content(request) };
        }

        operation["responses"] = new JsonObject
        {
            ["200"] = answer is null
                ? new JsonObject { ["description"] = "done" }
                : new JsonObject { ["description"] = "the document", ["content"] = Content(answer) },
        };
        return operation;
    }

    private static JsonObject Content(string name) => new() { ["application/json"] = new JsonObject { ["schema"] = Reference(name) } };

    private static JsonObject Reference(string name) => new() { ["$ref"] = $"#/components/schemas/{name}" };
}
