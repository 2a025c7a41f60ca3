using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Http.OpenApi;

/// <summary>The parts that the operations of the OpenAPI document share.</summary>
internal static class OpenApiParts
{
    /// <summary>Schema of a document whose shape is its own.</summary>
    public const string AnyDocument = "document";

    /// <summary>Schema of the state of an operation.</summary>
    public const string OperationStatus = "operationStatus";

    private const string ErrorResponse = "errorResponse";
    private const string Propagated = "propagated";

    /// <summary>A pointer to a shared part.</summary>
    public static JsonObject Reference(string kind, string name) => new() { ["$ref"] = $"#/components/{kind}/{name}" };

    /// <summary>A resourceId in a path.</summary>
    public static JsonObject Id(string name) => new()
    {
        ["name"] = name,
        ["in"] = "path",
        ["required"] = true,
        ["schema"] = new JsonObject { ["type"] = "string", ["minLength"] = 1, ["maxLength"] = 256 },
    };

    /// <summary>An answer with a document.</summary>
    public static JsonObject Answer(string description, string schema, bool hasETag = false)
    {
        var answer = new JsonObject { ["description"] = description };
        if (hasETag)
        {
            answer["headers"] = new JsonObject { ["ETag"] = Reference("headers", "ETag") };
        }

        answer["content"] = Content(schema);
        return answer;
    }

    /// <summary>Completes a PUT of a resource.</summary>
    public static JsonObject Put(JsonObject operation, string schema, bool asynchronous)
    {
        JsonObject Stored(string description)
        {
            JsonObject answer = Answer(description, schema, hasETag: true);
            if (asynchronous)
            {
                answer["headers"]!["Azure-AsyncOperation"] = Reference("headers", "Azure-AsyncOperation");
            }

            return answer;
        }

        operation["parameters"] = new JsonArray(Reference("parameters", "ifMatch"), Reference("parameters", "ifNoneMatch"), Reference("parameters", "clientRequestId"));
        operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = Content(schema) };
        JsonNode responses = operation["responses"]!;
        responses["200"] = Stored("Replaced");
        responses["201"] = Stored("Created");
        Refusals(responses);
        return operation;
    }

    /// <summary>Completes a DELETE of a resource.</summary>
    public static JsonObject Delete(JsonObject operation)
    {
        operation["parameters"] = new JsonArray(Reference("parameters", "ifMatch"), Reference("parameters", "clientRequestId"));
        JsonNode responses = operation["responses"]!;
        responses["200"] = new JsonObject { ["description"] = "Removed", ["headers"] = new JsonObject { ["Azure-AsyncOperation"] = Reference("headers", "Azure-AsyncOperation") } };
        responses["204"] = new JsonObject { ["description"] = "There was nothing of that name" };
        Refusals(responses);
        return operation;
    }

    /// <summary>Completes a PUT that starts an action.</summary>
    public static JsonObject Start(JsonObject operation, int status)
    {
        operation["requestBody"] = new JsonObject { ["required"] = true, ["content"] = Content(AnyDocument) };
        operation["responses"]![status.ToString(CultureInfo.InvariantCulture)] = Answer("Started, or done", AnyDocument, hasETag: true);
        return operation;
    }

    /// <summary>The schema of the collection of a type.</summary>
    public static JsonObject Collection(string name) => new()
    {
        ["type"] = "object",
        ["properties"] = new JsonObject
        {
            ["value"] = new JsonObject { ["type"] = "array", ["items"] = Reference("schemas", name) },
            ["nextLink"] = new JsonObject { ["type"] = "string", ["const"] = "", ["description"] = "Never paged" },
        },
        ["required"] = new JsonArray("value", "nextLink"),
    };

    /// <summary>The schema of a resource.</summary>
    public static JsonObject Resource(ResourceType type, Func<ResourceType, string> nameOf)
    {
        JsonObject properties = type.Properties.Describe();
        properties["provisioningState"] = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray("Updating", "Deleting", "Succeeded", "Failed"), ["readOnly"] = true };
        foreach (ResourceType child in type.Children)
        {
            properties[child.Name] = new JsonObject { ["type"] = "array", ["items"] = Reference("schemas", nameOf(child)), ["x-openhnv-children"] = child.Path };
            if (child.Alias is { } alias)
            {
                properties[child.Name]!["x-openhnv-aliases"] = new JsonArray(alias);
            }
        }

        var inner = new JsonObject { ["type"] = "object", ["properties"] = properties };
        if (type.Properties.DescribeRequired() is { Count: > 0 } required)
        {
            inner["required"] = required;
        }

        var members = new JsonObject
        {
            ["resourceRef"] = new JsonObject { ["type"] = "string", ["readOnly"] = true },
            ["resourceId"] = new JsonObject { ["type"] = "string", ["minLength"] = 1, ["maxLength"] = 256 },
            ["etag"] = new JsonObject { ["type"] = "string", ["readOnly"] = true },
            ["instanceId"] = new JsonObject { ["type"] = "string", ["format"] = "uuid", ["x-openhnv-filled"] = true, ["x-openhnv-immutable"] = true },
            ["tags"] = Map("Free key-value pairs of the client"),
            ["resourceMetadata"] = Map("What a management system notes; tenantId says whose it is"),
        };
        foreach ((string name, JsonNode? schema) in type.Envelope.Describe())
        {
            members[name] = schema!.DeepClone();
        }

        JsonObject propagated = Reference("schemas", Propagated);
        propagated["readOnly"] = true;
        members[PropagationState.Property] = propagated;
        members["properties"] = inner;
        var about = new JsonObject { ["path"] = type.Path, ["segment"] = type.Segment, ["writable"] = type.Writable, ["addressable"] = type.Addressable };
        if (type.SingletonId is { } only)
        {
            about["singleton"] = only;
        }

        return new JsonObject { ["type"] = "object", ["properties"] = members, ["required"] = new JsonArray("properties"), ["x-openhnv-resource"] = about };
    }

    /// <summary>Adds the schemas that belong to no resource.</summary>
    public static void AddSharedSchemas(JsonObject schemas)
    {
        schemas[AnyDocument] = new JsonObject { ["type"] = "object" };
        schemas[Propagated] = new JsonObject
        {
            ["type"] = "object",
            ["readOnly"] = true,
            ["description"] = "How far the last change of the top-level resource is on the hosts it concerns",
            ["properties"] = new JsonObject
            {
                ["etag"] = Described("string", "The version this is about"),
                ["enforced"] = Described("boolean", "Every host concerned has said that it is in force in its switch"),
                ["acceptedAt"] = Described("string", "Absent for what an earlier run of the controller accepted", "date-time"),
                ["after"] = Described("string", "From accepted to the last host's word", "duration"),
                ["hosts"] = Described("integer", "Hosts that had to be told; absent until it is planned"),
                ["pendingHosts"] = Described("integer", "How many of them have not said that it is in force"),
                ["pending"] = new JsonObject
                {
                    ["type"] = "array",
                    ["description"] = "The first of those",
                    ["items"] = new JsonObject { ["type"] = "object", ["properties"] = new JsonObject { [ReferenceSchema.Member] = new JsonObject { ["type"] = "string" } } },
                },
            },
            ["required"] = new JsonArray("etag", "enforced"),
        };
        schemas[OperationStatus] = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject
            {
                ["status"] = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. Enum.GetNames<Engine.OperationStatus>().Select(name => JsonValue.Create(name))]) },
                ["error"] = Reference("schemas", "error"),
            },
            ["required"] = new JsonArray("status"),
        };
        JsonObject Fault() => new() { ["code"] = new JsonObject { ["type"] = "string" }, ["message"] = new JsonObject { ["type"] = "string" }, ["target"] = new JsonObject { ["type"] = "string" } };
        schemas["errorDetail"] = new JsonObject { ["type"] = "object", ["properties"] = Fault(), ["required"] = new JsonArray("code", "message") };
        JsonObject error = Fault();
        error["innerError"] = new JsonObject { ["type"] = "string" };
        error["details"] = new JsonObject { ["type"] = "array", ["items"] = Reference("schemas", "errorDetail") };
        schemas["error"] = new JsonObject { ["type"] = "object", ["properties"] = error, ["required"] = new JsonArray("code", "message") };
        schemas[ErrorResponse] = new JsonObject { ["type"] = "object", ["properties"] = new JsonObject { ["error"] = Reference("schemas", "error") }, ["required"] = new JsonArray("error") };
    }

    public static JsonObject Parameters() => new()
    {
        ["version"] = new JsonObject
        {
            ["name"] = "version",
            ["in"] = "path",
            ["required"] = true,
            ["description"] = "The version of the API; the newest knows everything",
            ["schema"] = new JsonObject
            {
                ["type"] = "string",
                ["enum"] = new JsonArray([.. ApiVersion.All.Select(version => JsonValue.Create(version.ToString()))]),
                ["default"] = ApiVersion.All[^1].ToString(),
            },
        },
        ["ifMatch"] = Header("If-Match", "Only when the resource has this etag; * for any that exists"),
        ["ifNoneMatch"] = Header("If-None-Match", "* creates, and replaces nothing"),
        ["clientRequestId"] = Header("x-ms-client-request-id", "Makes a retry of the same request harmless: it is answered as the first was"),
    };

    public static JsonObject Headers() => new()
    {
        ["ETag"] = new JsonObject { ["description"] = "The version of the document", ["schema"] = new JsonObject { ["type"] = "string" } },
        ["Azure-AsyncOperation"] = new JsonObject { ["description"] = "URL of the operation", ["schema"] = new JsonObject { ["type"] = "string" } },
        ["Retry-After"] = new JsonObject { ["description"] = "Seconds", ["schema"] = new JsonObject { ["type"] = "integer" } },
    };

    public static JsonObject Responses() => new()
    {
        ["error"] = Answer("Refused; the code is one of [MS-NCNBI] §3.1.5.35", ErrorResponse),
        ["preconditionFailed"] = Answer("The resource is not the one that If-Match or If-None-Match asked for; nothing was changed", ErrorResponse),
        ["conflict"] = Answer("It clashes with what is there or under way; nothing was changed", ErrorResponse),
        ["invalid"] = Answer("The request is wrong, and says everything that is; nothing was changed", ErrorResponse),
    };

    private static void Refusals(JsonNode responses)
    {
        responses["400"] = Reference("responses", "invalid");
        responses["409"] = Reference("responses", "conflict");
        responses["412"] = Reference("responses", "preconditionFailed");
    }

    private static JsonObject Content(string schema) => new() { ["application/json"] = new JsonObject { ["schema"] = Reference("schemas", schema) } };

    private static JsonObject Header(string name, string description) => new()
    {
        ["name"] = name,
        ["in"] = "header",
        ["description"] = description,
        ["schema"] = new JsonObject { ["type"] = "string" },
    };

    private static JsonObject Described(string type, string description, string? format = null)
    {
        var schema = new JsonObject { ["type"] = type, ["description"] = description };
        if (format is not null)
        {
            schema["format"] = format;
        }

        return schema;
    }

    private static JsonObject Map(string description) => new() { ["type"] = "object", ["description"] = description, ["additionalProperties"] = true };
}
