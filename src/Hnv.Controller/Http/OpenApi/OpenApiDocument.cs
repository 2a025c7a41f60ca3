using System.Text.Json.Nodes;
using Hnv.Controller.Computed;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Http.OpenApi;

/// <summary>
/// The OpenAPI 3.1 document of the API, made from the same descriptors that serve it. What JSON Schema has no word for is said by
/// <c>x-openhnv-…</c> members, which <c>hnv apply</c> and the API page go by.
/// </summary>
internal static class OpenApiDocument
{
    private const string Prefix = "/networking/{version}";

    public static JsonObject Build(Catalog catalog)
    {
        var paths = new JsonObject();
        var schemas = new JsonObject();
        foreach (ResourceType type in catalog.Types)
        {
            AddType(type, Prefix, [], paths, schemas);
        }

        paths["/networking/discovery"] = new JsonObject { ["get"] = Operation("get_discovery_unversioned", "discovery", "Which versions are spoken", OpenApiParts.Answer("The document", "discovery")) };
        foreach (IComputedResource computed in new ComputedResources(TimeProvider.System).All)
        {
            AddComputed(computed, paths);
        }

        AddOperations(paths);
        AddOthers(paths);
        OpenApiParts.AddSharedSchemas(schemas);
        return new JsonObject
        {
            ["openapi"] = "3.1.0",
            ["info"] = new JsonObject
            {
                ["title"] = "OpenHNV Network Controller",
                ["description"] = "Virtual networks, their interfaces and policies on Linux hosts, asked for as Microsoft's Network Controller is ([MS-NCNBI]).",
                ["version"] = typeof(OpenApiDocument).Assembly.GetName().Version!.ToString(fieldCount: 3),
                ["license"] = new JsonObject { ["name"] = "Apache-2.0", ["identifier"] = "Apache-2.0" },
            },
            ["servers"] = new JsonArray(new JsonObject { ["url"] = "/" }),
            ["tags"] = new JsonArray([.. catalog.Types.Select(type => new JsonObject { ["name"] = type.Name })]),
            ["paths"] = paths,
            ["components"] = new JsonObject
            {
                ["parameters"] = OpenApiParts.Parameters(),
                ["headers"] = OpenApiParts.Headers(),
                ["responses"] = OpenApiParts.Responses(),
                ["schemas"] = schemas,
            },
        };
    }

    private static void AddType(ResourceType type, string prefix, string[] ids, JsonObject paths, JsonObject schemas)
    {
        string name = SchemaName(type), tag = type.Path.Split('/')[0], operation = type.Path.Replace('/', '_');
        string collection = $"{prefix}/{type.Segment}";
        string[] own = type.SingletonId is null ? [.. ids, $"{operation}_id"] : ids;
        string resource = type.IsBare ? collection : $"{collection}/{type.SingletonId ?? $"{{{own[^1]}}}"}";
        if (type is { SingletonId: null, Addressable: true })
        {
            paths[collection] = Path(ids, "get", Operation($"list_{operation}", tag, $"List {type.Path}", OpenApiParts.Answer("All of them, in order of creation", $"{name}.collection")));
            schemas[$"{name}.collection"] = OpenApiParts.Collection(name);
        }

        if (type.Addressable)
        {
            JsonObject verbs = Path(own, "get", Operation($"get_{operation}", tag, $"Read {One(type)}", OpenApiParts.Answer("The document", name, type.HasETag)));
            if (type.Writable)
            {
                verbs["put"] = OpenApiParts.Put(Operation($"put_{operation}", tag, $"Create or replace {One(type)}", null), name, type.Asynchronous);
            }

            if (type.Writable && type.SingletonId is null)
            {
                verbs["delete"] = OpenApiParts.Delete(Operation($"delete_{operation}", tag, $"Remove {One(type)}", null));
            }

            paths[resource] = verbs;
        }

        schemas[name] = OpenApiParts.Resource(type, SchemaName);
        foreach (ResourceType child in type.Children)
        {
            AddType(child, resource, own, paths, schemas);
        }
    }

    private static void AddComputed(IComputedResource computed, JsonObject paths)
    {
        string operation = computed.Path.Replace('/', '_'), tag = computed.Path.Split('/')[0];
        JsonObject verbs = Path([], "get", Operation($"get_{operation}", tag, $"Read {computed.Path}", OpenApiParts.Answer("The document, or all there are", OpenApiParts.AnyDocument)));
        if (computed.IsAction)
        {
            verbs["put"] = OpenApiParts.Start(Operation($"put_{operation}", tag, $"Start {computed.Path}", null), computed.StartedStatus);
        }

        paths[$"{Prefix}/{computed.Path}"] = verbs;
        paths[$"{Prefix}/{computed.Path}/{{id}}"] = Path(["id"], "get", Operation($"get_{operation}_one", tag, $"Read one of {computed.Path}", OpenApiParts.Answer("The document", OpenApiParts.AnyDocument)));
    }

    private static void AddOperations(JsonObject paths)
    {
        paths[$"{Prefix}/operations"] = Path([], "get", Operation("list_operations", "operations", "List the newest operations", OpenApiParts.Answer("The newest 1000", OpenApiParts.AnyDocument)));
        paths[$"{Prefix}/operations/{{id}}"] = Path(["id"], "get", Operation("get_operation", "operations", "Read how an operation stands", OpenApiParts.Answer("Its status", OpenApiParts.OperationStatus)));
        JsonObject result = Operation("get_operation_result", "operations", "Read what an operation came to", OpenApiParts.Answer("The document of the resource", OpenApiParts.AnyDocument));
        result["responses"]!["202"] = new JsonObject { ["description"] = "Under way; ask again after Retry-After" };
        result["responses"]!["204"] = new JsonObject { ["description"] = "Done, and the resource is not there any more" };
        paths[$"{Prefix}/operationResults/{{id}}"] = Path(["id"], "get", result);
    }

    private static void AddOthers(JsonObject paths)
    {
        paths["/health"] = new JsonObject { ["get"] = Operation("get_health", "service", "Whether this controller serves", OpenApiParts.Answer("ok, or standby while another one of the same store is in office", OpenApiParts.AnyDocument)) };
        paths["/openapi.json"] = new JsonObject { ["get"] = Operation("get_openapi", "service", "This document", OpenApiParts.Answer("The document", OpenApiParts.AnyDocument)) };
    }

    private static string SchemaName(ResourceType type) => type.Path.Replace('/', '.');

    private static string One(ResourceType type) => type.SingletonId is null ? $"one of {type.Path}" : type.Path;

    private static JsonObject Path(string[] ids, string verb, JsonObject operation) => new()
    {
        ["parameters"] = new JsonArray([OpenApiParts.Reference("parameters", "version"), .. ids.Select(OpenApiParts.Id)]),
        [verb] = operation,
    };

    /// <param name="id">Unique in the document.</param>
    /// <param name="tag">Where it is listed.</param>
    /// <param name="summary">What it does.</param>
    /// <param name="answer">What a 200 brings; null when the caller says.</param>
    private static JsonObject Operation(string id, string tag, string summary, JsonObject? answer)
    {
        var responses = new JsonObject();
        if (answer is not null)
        {
            responses["200"] = answer;
        }

        responses["default"] = OpenApiParts.Reference("responses", "error");
        return new JsonObject { ["operationId"] = id, ["tags"] = new JsonArray(tag), ["summary"] = summary, ["responses"] = responses };
    }
}
