using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Client;

namespace Hnv.Cli;

/// <summary><c>hnv get|put|delete RESOURCE</c>: the REST API from the shell.</summary>
internal static class ResourceCommands
{
    private static Argument<string> Path => new("resource") { Description = "Its path: virtualNetworks, networkInterfaces/contoso-sql-nic0, …" };

    public static Command Get()
    {
        Argument<string> path = Path;
        return new Command("get", "Read a resource, or list a collection").With(path)
            .Example("hnv get virtualNetworks", "hnv get networkInterfaces/contoso-sql-nic0", "hnv get servers -o json").Does(async (parsed, cancellation) =>
            {
                using ControllerClient controller = Endpoints.Controller(parsed);
                string resource = Trim(parsed.GetRequiredValue(path));
                JsonNode document = await controller.GetAsync("/" + resource, cancellation)
                    ?? throw new CommandException($"There is no {resource}. A collection lists what there is: hnv get {resource.Split('/')[0]}");
                Print(document, parsed.GetValue(CommandLine.OutputOption));
                return 0;
            });
    }

    public static Command Put()
    {
        Argument<string> path = Path;
        Option<string> file = new("--file", "-f") { Description = "The document, JSON; '-' reads standard input", DefaultValueFactory = _ => "-", HelpName = "FILE" };
        Option<string?> ifMatch = new("--if-match") { Description = "Only when the resource has this etag", HelpName = "ETAG" };
        return new Command("put", "Create or replace a resource").With(path, file, ifMatch)
            .Example("hnv put accessControlLists/sql -f acl.json", "hnv get virtualNetworks/contoso -o json | sed … | hnv put virtualNetworks/contoso").Does(async (parsed, cancellation) =>
            {
                string name = parsed.GetRequiredValue(file);
                string text = name == "-" ? await Console.In.ReadToEndAsync(cancellation) : await File.ReadAllTextAsync(name, cancellation);
                JsonNode body;
                try
                {
                    body = JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip })!;
                }
                catch (JsonException e)
                {
                    throw new CommandException($"{(name == "-" ? "standard input" : name)}:{e.LineNumber + 1}: this is not JSON: {e.Message}");
                }

                using ControllerClient controller = Endpoints.Controller(parsed);
                JsonNode document = await controller.PutAsync("/" + Trim(parsed.GetRequiredValue(path)), body, parsed.GetValue(ifMatch), cancellation: cancellation);
                Print(document, parsed.GetValue(CommandLine.OutputOption));
                return 0;
            });
    }

    public static Command Delete()
    {
        Argument<string> path = Path;
        return new Command("delete", "Remove a resource").With(path).Example("hnv delete networkInterfaces/contoso-sql-nic0").Does(async (parsed, cancellation) =>
        {
            using ControllerClient controller = Endpoints.Controller(parsed);
            string resource = Trim(parsed.GetRequiredValue(path));
            if (!await controller.DeleteAsync("/" + resource, cancellation: cancellation))
            {
                throw new CommandException($"There is no {resource}; nothing was removed.");
            }

            Console.Out.WriteLine($"{resource} is removed.");
            return 0;
        });
    }

    private static void Print(JsonNode document, OutputFormat format)
    {
        if (format != OutputFormat.Table)
        {
            Output.Document(document, format);
        }
        else if (document["value"] is JsonArray members)
        {
            Output.Rows(
                format,
                ["Resource", "Provisioning", "Configuration", "Summary"],
                members.OfType<JsonNode>().Select(member => new[]
                {
                    (string?)member["resourceRef"] ?? (string?)member["resourceId"],
                    Text(member["properties"]?["provisioningState"]),
                    Text(member["properties"]?["configurationState"]?["status"]),
                    Summary(member["properties"]),
                }),
                "None.");
        }
        else
        {
            Output.Document(document, OutputFormat.Yaml);
        }
    }

    /// <summary>The properties that say most about a resource of any type, in one line.</summary>
    private static string Summary(JsonNode? properties)
    {
        string?[] parts =
        [
            Text(properties?["privateMacAddress"]),
            .. Items(properties, "ipConfigurations").Select(ip => $"{Text(ip["privateIPAddress"])} in {Text(ip["subnet"]?["resourceRef"])}"),
            .. Items(properties, "subnets").Where(subnet => subnet["addressPrefix"] is not null)
                .Select(subnet => Text(subnet["addressPrefix"]) + (subnet["virtualSubnetId"] is { } vsid ? $" VSID {Text(vsid)}" : "")),
            .. Items(properties, "aclRules").Select(rule =>
                $"{Text(rule["action"])} {Text(rule["type"])} {Text(rule["protocol"])} {Text(rule["sourceAddressPrefix"])}→{Text(rule["destinationAddressPrefix"])}:{Text(rule["destinationPortRange"])}"),
            .. ((properties?["connections"] as JsonArray) ?? []).SelectMany(connection => (connection?["managementAddresses"] as JsonArray) ?? []).Select(Text),
        ];
        return string.Join("; ", parts.Where(part => !string.IsNullOrEmpty(part)));
    }

    private static IEnumerable<JsonNode> Items(JsonNode? properties, string name) =>
        ((properties?[name] as JsonArray) ?? []).Select(item => item?["properties"]).OfType<JsonNode>();

    private static string? Text(JsonNode? node) => node switch { null => null, JsonValue value => value.ToString(), _ => node.ToJsonString() };

    private static string Trim(string path)
    {
        string[] parts = path.Trim('/').Split('/');
        return string.Join('/', parts is ["networking", _, ..] ? parts[2..] : parts);
    }
}
