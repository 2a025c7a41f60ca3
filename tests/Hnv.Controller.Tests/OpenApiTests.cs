using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Hnv.Controller.Tests;

/// <summary>The OpenAPI document: well-formed by the rules of OpenAPI 3.1, complete, and true of what is served.</summary>
public sealed partial class OpenApiTests(FullServer full) : IClassFixture<FullServer>
{
    private static readonly string[] s_verbs = ["get", "put", "delete"];

    [Fact]
    public async Task Document_EveryReference_LeadsToAPart()
    {
        JsonObject document = await DocumentAsync();

        foreach (string reference in References(document))
        {
            Assert.StartsWith("#/components/", reference, StringComparison.Ordinal);
            Assert.True(Resolve(document, reference) is not null, $"{reference} leads nowhere");
        }
    }

    [Fact]
    public async Task Document_EveryOperation_IsNamedOnceAndAnswers()
    {
        JsonObject document = await DocumentAsync();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string path, string verb, JsonObject operation) in Operations(document))
        {
            Assert.True(names.Add((string)operation["operationId"]!), $"{verb} {path}: operationId {operation["operationId"]} is taken");
            Assert.NotNull(operation["summary"]);
            JsonObject responses = operation["responses"]!.AsObject();
            Assert.Contains("default", responses.Select(response => response.Key));
            Assert.Contains(responses, response => response.Key.StartsWith('2'));
            Assert.All(responses, response => Assert.NotNull(Whole(document, response.Value!)["description"]));
            Assert.Equal(verb == "put", operation["requestBody"] is not null);
        }
    }

    [Fact]
    public async Task Document_EveryPath_DeclaresItsParametersAndNoOthers()
    {
        JsonObject document = await DocumentAsync();
        foreach ((string path, JsonNode? item) in document["paths"]!.AsObject())
        {
            IEnumerable<string> inPath = Braces().Matches(path).Select(match => match.Groups[1].Value);
            JsonNode[] declared = [.. (item!["parameters"] as JsonArray ?? []).Select(parameter => Whole(document, parameter!))];

            Assert.Equal(inPath.Order(), declared.Select(parameter => (string)parameter["name"]!).Order());
            Assert.All(declared, parameter => Assert.True((bool)parameter["required"]!));
        }
    }

    [Fact]
    public async Task Document_EveryResourceThatIsServed_IsDescribed()
    {
        JsonObject document = await DocumentAsync();
        foreach ((string path, JsonNode served) in await ServedAsync())
        {
            JsonNode schema = document["components"]!["schemas"]![path] ?? throw new KeyNotFoundException(path);
            List<string> wrong = [];
            Check(document, schema, served, path, wrong);
            Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        }
    }

    [Fact]
    public async Task Document_EveryGetWithoutAnId_IsAnswered()
    {
        JsonObject document = await DocumentAsync();
        foreach ((string path, string verb, _) in Operations(document))
        {
            string url = path.Replace("{version}", "v7.1", StringComparison.Ordinal);
            if (verb == "get" && !url.Contains('{', StringComparison.Ordinal))
            {
                Reply reply = await full.Rest.SendAsync(HttpMethod.Get, url, null);

                // Some are not there before their first PUT.
                Assert.True(reply.Status is HttpStatusCode.OK || reply.Code == "NotFound" && !reply.Message!.Contains("No resource type", StringComparison.Ordinal), $"{url}: {reply.Status} {reply.Message}");
            }
        }
    }

    [Fact]
    public async Task Document_EveryDocumentThatIsAccepted_HasWhatIsRequired()
    {
        JsonObject document = await DocumentAsync();
        foreach ((string path, string body) in EveryResource.Documents)
        {
            string name = string.Join('.', path.Split('/').Where((_, index) => index % 2 == 0));
            List<string> missing = [];
            CheckRequired(document, document["components"]!["schemas"]!.AsObject().First(schema => schema.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value!, JsonNode.Parse(body)!, path, missing);
            Assert.True(missing.Count == 0, string.Join('\n', missing));
        }
    }

    private async Task<JsonObject> DocumentAsync() => (await full.Rest.SendAsync(HttpMethod.Get, "/openapi.json", null)).Body!.AsObject();

    /// <summary>Every top-level document that is there, by the name of its schema.</summary>
    private async Task<List<(string Schema, JsonNode Document)>> ServedAsync()
    {
        List<(string, JsonNode)> all = [];
        foreach (JsonNode tag in (await DocumentAsync())["tags"]!.AsArray().OfType<JsonNode>())
        {
            string type = (string)tag["name"]!;
            Reply reply = await full.Rest.GetAsync(type);
            all.AddRange(reply.Body?["value"] is JsonArray members ? members.Select(member => (type, member!))
                : reply.Status == HttpStatusCode.OK ? [(type, reply.Body!)] : []);
        }

        Assert.True(all.Count > 30);
        return all;
    }

    private static void Check(JsonObject root, JsonNode schema, JsonNode value, string at, List<string> wrong)
    {
        schema = Whole(root, schema);
        if ((string?)schema["type"] is { } type && !IsOf(type, value))
        {
            wrong.Add($"{at} is {value.ToJsonString()} and should be of type {type}");
            return;
        }

        if (schema["enum"] is JsonArray words && !words.Any(word => JsonNode.DeepEquals(word, value)))
        {
            wrong.Add($"{at} is {value.ToJsonString()} and should be one of {words.ToJsonString()}");
        }

        if (value is JsonArray items && schema["items"] is { } item)
        {
            for (int i = 0; i < items.Count; i++)
            {
                Check(root, item, items[i]!, $"{at}[{i}]", wrong);
            }
        }
        else if (value is JsonObject members && schema["properties"] is JsonObject known)
        {
            foreach ((string name, JsonNode? member) in members)
            {
                if (known[name] is { } described)
                {
                    Check(root, described, member!, $"{at}.{name}", wrong);
                }
                else
                {
                    wrong.Add($"{at}.{name} is described nowhere");
                }
            }
        }
    }

    private static void CheckRequired(JsonObject root, JsonNode schema, JsonNode value, string at, List<string> missing)
    {
        schema = Whole(root, schema);
        if (value is JsonArray items && schema["items"] is { } item)
        {
            foreach (JsonNode? member in items)
            {
                CheckRequired(root, item, member!, at, missing);
            }
        }
        else if (value is JsonObject members && schema["properties"] is JsonObject known)
        {
            foreach (string name in (schema["required"] as JsonArray ?? []).Select(name => (string)name!))
            {
                if (!members.Any(member => member.Key.Equals(name, StringComparison.OrdinalIgnoreCase)))
                {
                    missing.Add($"{at}: {name} is said to be required");
                }
            }

            foreach ((string name, JsonNode? member) in members)
            {
                if (known.FirstOrDefault(k => k.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value is { } described)
                {
                    CheckRequired(root, described, member!, $"{at}.{name}", missing);
                }
            }
        }
    }

    private static bool IsOf(string type, JsonNode value) => type switch
    {
        "object" => value is JsonObject,
        "array" => value is JsonArray,
        "integer" => value.GetValueKind() == JsonValueKind.Number,
        "boolean" => value.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
        "string" => value.GetValueKind() == JsonValueKind.String,
        _ => false,
    };

    private static JsonNode Whole(JsonObject root, JsonNode part) => (string?)part["$ref"] is { } reference ? Resolve(root, reference)! : part;

    private static JsonNode? Resolve(JsonObject root, string reference) =>
        reference.Split('/')[1..].Aggregate((JsonNode?)root, (node, name) => node?[name]);

    private static IEnumerable<(string Path, string Verb, JsonObject Operation)> Operations(JsonObject document) =>
        from path in document["paths"]!.AsObject()
        from member in path.Value!.AsObject()
        where s_verbs.Contains(member.Key)
        select (path.Key, member.Key, member.Value!.AsObject());

    private static IEnumerable<string> References(JsonNode? node) => node switch
    {
        JsonObject all => all.SelectMany(member => member.Key == "$ref" ? [(string)member.Value!] : References(member.Value)),
        JsonArray items => items.SelectMany(References),
        _ => [],
    };

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Braces();
}
