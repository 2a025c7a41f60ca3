using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Hnv.Client.Declarative;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Hnv.Cli.Resources;

/// <summary>Reads resource documents from files, folders and standard input: JSON or YAML, one or many to a file, each member with its line.</summary>
internal sealed partial class DocumentFiles
{
    private const string StandardInput = "-";
    private const long FileBytesMax = 64 << 20;
    private const int FilesMax = 20_000;

    // Aliases let a small file stand for a very large document.
    private const int NodesMax = 2_000_000;
    private const int DepthMax = 64;

    private static readonly string[] s_extensions = [".yaml", ".yml", ".json"];

    private readonly string _source;
    private int _nodes;

    private DocumentFiles(string source) => _source = source;

    /// <summary>Reads all.</summary>
    /// <param name="paths">Files, folders (read with what is below them), or <c>-</c>.</param>
    /// <exception cref="CommandException">Something cannot be read, or is not JSON or YAML.</exception>
    public static IReadOnlyList<AskedResource> Read(IEnumerable<string> paths)
    {
        List<AskedResource> all = [];
        foreach (string path in paths.SelectMany(Files))
        {
            all.AddRange(path == StandardInput ? new DocumentFiles("standard input").Parse(Console.In.ReadToEnd(), isJson: false) : ReadFile(path));
        }

        return all.Count > 0 ? all : throw new CommandException($"There is no document in {string.Join(", ", paths)}.");
    }

    /// <summary>Reads the documents of a text.</summary>
    public static IReadOnlyList<AskedResource> Parse(string text, string source) => [.. new DocumentFiles(source).Parse(text, isJson: false)];

    private static IEnumerable<string> Files(string path)
    {
        if (path == StandardInput || File.Exists(path))
        {
            return [path];
        }

        if (!Directory.Exists(path))
        {
            throw new CommandException($"{path}: there is no such file or folder.");
        }

        EnumerationOptions below = new() { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System | FileAttributes.ReparsePoint };
        string[] files = [.. Directory.EnumerateFiles(path, "*", below).Where(file => s_extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal).Take(FilesMax + 1)];
        return files.Length switch
        {
            0 => throw new CommandException($"{path}: there is no {string.Join(", ", s_extensions)} file in it."),
            > FilesMax => throw new CommandException($"{path}: there are more than {FilesMax} files in it. Name a smaller folder."),
            _ => files,
        };
    }

    private static List<AskedResource> ReadFile(string path)
    {
        long length = new FileInfo(path).Length;
        return length > FileBytesMax
            ? throw new CommandException($"{path}: {length} bytes; a file may have {FileBytesMax}.")
            : new DocumentFiles(path).Parse(File.ReadAllText(path, Encoding.UTF8), isJson: Path.GetExtension(path).Equals(".json", StringComparison.OrdinalIgnoreCase));
    }

    private List<AskedResource> Parse(string text, bool isJson)
    {
        List<AskedResource> all = [];
        if (isJson)
        {
            // Tabs between the members are JSON and not YAML; the rest of JSON is both. What is not JSON is said in JSON's words.
            try
            {
                using JsonDocument checkedOnly = JsonDocument.Parse(text, new JsonDocumentOptions { AllowTrailingCommas = true, AllowDuplicateProperties = false });
                text = TabsBeforeText().Replace(text, match => new string(' ', match.Length));
            }
            catch (JsonException e)
            {
                throw new CommandException($"{_source}:{e.LineNumber + 1}: this is not JSON: {e.Message.Split(" Path:")[0].Split(" LineNumber:")[0]}");
            }
        }

        YamlStream stream = [];
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            string reason = e.InnerException?.Message ?? e.Message;
            throw new CommandException($"{_source}:{e.Start.Line}: this is not {(isJson ? "JSON" : "YAML")}: {reason.TrimEnd('.')}.");
        }

        foreach (YamlNode root in stream.Documents.Select(document => document.RootNode))
        {
            Documents(root, all);
        }

        return all;
    }

    /// <summary>A document, a list of them, or the answer to a list: <c>{value: […]}</c>.</summary>
    private void Documents(YamlNode root, List<AskedResource> all)
    {
        switch (root)
        {
            case YamlSequenceNode list:
                foreach (YamlNode item in list)
                {
                    Documents(item, all);
                }

                break;
            case YamlMappingNode map when !Has(map, "resourceRef") && map.Children.FirstOrDefault(pair => Name(pair.Key) == "value").Value is YamlSequenceNode members:
                Documents(members, all);
                break;
            case YamlMappingNode map:
                Dictionary<string, int> lines = [];
                all.Add(new AskedResource(Convert(map, "", lines, depth: 0)!.AsObject(), _source, lines));
                break;
            case YamlScalarNode { Value: null or "" }:
                break;
            default:
                throw new CommandException($"{_source}:{root.Start.Line}: a document is an object with resourceRef and properties, and this is {(root is YamlScalarNode scalar ? $"'{scalar.Value}'" : "something else")}.");
        }
    }

    private JsonNode? Convert(YamlNode node, string path, Dictionary<string, int> lines, int depth)
    {
        if (++_nodes > NodesMax || depth > DepthMax)
        {
            throw new CommandException($"{_source}:{node.Start.Line}: more than {NodesMax} values, or more than {DepthMax} inside each other. Is there an alias that contains itself?");
        }

        lines[path] = (int)node.Start.Line;
        switch (node)
        {
            case YamlMappingNode map:
                JsonObject members = [];
                foreach ((YamlNode key, YamlNode value) in map.Children)
                {
                    string name = Name(key), at = path.Length == 0 ? name : $"{path}.{name}";
                    members[name] = Convert(value, at, lines, depth + 1);
                    lines[at] = (int)key.Start.Line;
                }

                return members;
            case YamlSequenceNode list:
                return new JsonArray([.. list.Select((item, index) => Convert(item, $"{path}[{index}]", lines, depth + 1))]);
            default:
                return Scalar((YamlScalarNode)node);
        }
    }

    /// <summary>A scalar by the rules of YAML's JSON schema: what is quoted is text, and so is whatever is not a number, true, false or null as JSON writes them.</summary>
    private static JsonValue? Scalar(YamlScalarNode scalar) => scalar switch
    {
        { Style: not (ScalarStyle.Plain or ScalarStyle.Any) } => JsonValue.Create(scalar.Value ?? ""),
        { Value: null or "" or "~" or "null" } => null,
        { Value: "true" or "True" } => JsonValue.Create(true),
        { Value: "false" or "False" } => JsonValue.Create(false),
        { Value: { } text } when Number().IsMatch(text) => JsonNode.Parse(text)!.AsValue(),
        { Value: { } text } => JsonValue.Create(text),
    };

    private static bool Has(YamlMappingNode map, string name) => map.Children.Keys.Any(key => Name(key).Equals(name, StringComparison.OrdinalIgnoreCase));

    private static string Name(YamlNode key) => key is YamlScalarNode { Value: { } name } ? name : throw new CommandException($"line {key.Start.Line}: the name of a member is text.");

    [GeneratedRegex(@"^-?(0|[1-9]\d{0,17})(\.\d{1,15})?$")]
    private static partial Regex Number();

    [GeneratedRegex(@"(?<=^[ \t]*)\t|\t(?=[ \t]*$)", RegexOptions.Multiline)]
    private static partial Regex TabsBeforeText();
}
