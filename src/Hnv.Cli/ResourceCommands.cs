using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Cli.Resources;
using Hnv.Client;

namespace Hnv.Cli;

/// <summary><c>hnv get|put|delete RESOURCE</c>: the REST API from the shell.</summary>
internal static class ResourceCommands
{
    /// <summary>The argument of commands that take several resources.</summary>
    public static Argument<string[]> Words(string description) => new Argument<string[]>("resource") { Description = description, Arity = ArgumentArity.OneOrMore }.WithNames();

    public static Command Get()
    {
        Argument<string[]> words = Words("A type, a path, or a type and names: virtualNetworks, nic/contoso-sql-nic0, acl sql web");
        return new Command("get", "Read resources, or list a type").With(words)
            .Example("hnv get virtualNetworks", "hnv get nic contoso-sql-nic0", "hnv get vnet/contoso/subnets", "hnv get acl -o yaml > acls.yaml").Does(async (parsed, cancellation) =>
            {
                using ControllerClient controller = Endpoints.Controller(parsed);
                OutputFormat format = parsed.GetValue(CommandLine.OutputOption);
                IReadOnlyList<string> paths = ResourceNames.Paths(parsed.GetRequiredValue(words));
                List<JsonNode> found = [];
                foreach (string path in paths)
                {
                    found.Add(await controller.GetAsync("/" + path, cancellation) ?? throw new CommandException(ResourceNames.Absent(path)));
                }

                if (format != OutputFormat.Table)
                {
                    Output.Document(found is [var only] ? only : new JsonObject { ["value"] = new JsonArray([.. found.SelectMany(Documents)]) }, format);
                    return 0;
                }

                for (int i = 0; i < paths.Count; i++)
                {
                    Print(paths[i], found[i]);
                }

                return 0;
            });
    }

    public static Command Put()
    {
        Argument<string> path = new Argument<string>("resource") { Description = "Its path: virtualNetworks/contoso, acl/sql, …" }.WithNames();
        Option<string> file = new("--file", "-f") { Description = "The document, JSON; '-' reads standard input", DefaultValueFactory = _ => "-", HelpName = "FILE" };
        Option<string?> ifMatch = new("--if-match") { Description = "Only when the resource has this etag", HelpName = "ETAG" };
        return new Command("put", "Create or replace a resource with exactly this document (see also: hnv apply)").With(path, file, ifMatch)
            .Example("hnv put accessControlLists/sql -f acl.json", "hnv get virtualNetworks/contoso -o json | sed … | hnv put virtualNetworks/contoso").Does(async (parsed, cancellation) =>
            {
                string name = parsed.GetRequiredValue(file), resource = ResourceNames.Path(parsed.GetRequiredValue(path));
                string text = name == "-" ? await Console.In.ReadToEndAsync(cancellation) : await File.ReadAllTextAsync(name, cancellation);
                JsonNode body;
                try
                {
                    body = JsonNode.Parse(text, documentOptions: new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip })!;
                }
                catch (JsonException e)
                {
                    throw new CommandException($"{(name == "-" ? "standard input" : name)}:{e.LineNumber + 1}: this is not JSON: {e.Message.Split(" Path:")[0]} For YAML: hnv apply -f");
                }

                using ControllerClient controller = Endpoints.Controller(parsed);
                JsonNode document = await controller.PutAsync("/" + resource, body, parsed.GetValue(ifMatch), cancellation: cancellation);
                OutputFormat format = parsed.GetValue(CommandLine.OutputOption);
                Output.Document(document, format == OutputFormat.Table ? OutputFormat.Yaml : format);
                return 0;
            });
    }

    public static Command Delete()
    {
        Argument<string[]> words = new Argument<string[]>("resource") { Description = "Their paths, or a type and names: nic/contoso-sql-nic0, acl sql web", Arity = ArgumentArity.ZeroOrMore }.WithNames();
        Option<string[]> files = ApplyCommands.FilesOption("Delete what these files and folders describe");
        Option<bool> yes = ApplyCommands.YesOption();
        return new Command("delete", "Remove resources").With(words, files, yes)
            .Example("hnv delete nic contoso-sql-nic0", "hnv delete -f network/ --yes").Does(async (parsed, cancellation) =>
            {
                string[] typed = parsed.GetValue(words) ?? [];
                if (parsed.GetValue(files) is { Length: > 0 } paths)
                {
                    return typed.Length == 0
                        ? await ApplyCommands.DeleteAsync(parsed, paths, parsed.GetValue(yes), cancellation)
                        : throw new CommandException("Name resources, or files with -f, and not both.");
                }

                if (typed.Length == 0)
                {
                    throw new CommandException("Which resources? For example: hnv delete networkInterfaces/contoso-sql-nic0, or hnv delete -f FILE");
                }

                using ControllerClient controller = Endpoints.Controller(parsed);
                foreach (string resource in ResourceNames.Paths(typed))
                {
                    if (!await controller.DeleteAsync("/" + resource, cancellation: cancellation))
                    {
                        throw new CommandException($"{ResourceNames.Absent(resource)} Nothing was removed.");
                    }

                    Console.Out.WriteLine($"{resource} is removed.");
                }

                return 0;
            });
    }

    private static IEnumerable<JsonNode> Documents(JsonNode answer) => answer["value"] is JsonArray list ? list.Select(document => document!.DeepClone()) : [answer.DeepClone()];

    private static void Print(string path, JsonNode document)
    {
        if (document["value"] is JsonArray members)
        {
            ResourceTable.Print(path, members.OfType<JsonNode>());
        }
        else
        {
            Output.Document(document, OutputFormat.Yaml);
        }
    }
}
