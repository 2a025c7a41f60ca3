using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Contracts;
using Spectre.Console;
using YamlDotNet.Serialization;

namespace Hnv.Cli;

/// <summary>Prints results: tables for people, JSON and YAML for programs.</summary>
internal static class Output
{
    private const int PipeWidth = 240;

    private static readonly JsonSerializerOptions s_indented = new(ContractJson.Relaxed) { WriteIndented = true };

    /// <summary>Prints a document as JSON or YAML.</summary>
    public static void Document(JsonNode? document, OutputFormat format)
    {
        if (format == OutputFormat.Json)
        {
            Console.Out.WriteLine(document?.ToJsonString(s_indented) ?? "null");
            return;
        }

        Console.Out.Write(new SerializerBuilder().DisableAliases().WithQuotingNecessaryStrings(true).Build().Serialize(Plain(document)));
    }

    /// <summary>A text that somebody else chose, fit for a terminal: whatever would move the cursor or change colors is shown as a sign instead.</summary>
    public static string Clean(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(c => char.IsControl(c) ? '\uFFFD' : c)) : text;

    /// <summary>Prints rows: as a table, or each as an object of its own.</summary>
    public static void Rows(OutputFormat format, string[] columns, IEnumerable<string?[]> rows, string whenEmpty)
    {
        List<string?[]> all = [.. rows];
        if (format != OutputFormat.Table)
        {
            Document(new JsonArray([.. all.Select(row => (JsonNode)new JsonObject(columns.Zip(row, (column, value) =>
                KeyValuePair.Create<string, JsonNode?>(JsonNamingPolicy.CamelCase.ConvertName(column.Replace(" ", "", StringComparison.Ordinal)), value))))]), format);
            return;
        }

        if (all.Count == 0)
        {
            Console.Out.WriteLine(whenEmpty);
            return;
        }

        Table table = new Table().Border(Console.IsOutputRedirected ? TableBorder.None : TableBorder.Rounded);
        foreach (string column in columns)
        {
            table.AddColumn(new TableColumn(Console.IsOutputRedirected ? Markup.Escape(column) : $"[bold]{Markup.Escape(column)}[/]").NoWrap());
        }

        foreach (string?[] row in all)
        {
            table.AddRow([.. row.Select(value => Markup.Escape(Clean(value ?? "-")))]);
        }

        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = PipeWidth;
        }

        AnsiConsole.Write(table);
    }

    private static object? Plain(JsonNode? node) => node switch
    {
        JsonObject all => all.ToDictionary(member => member.Key, member => Plain(member.Value)),
        JsonArray items => items.Select(Plain).ToList(),
        JsonValue value when value.TryGetValue(out bool flag) => flag,
        JsonValue value when value.GetValueKind() == JsonValueKind.Number => value.TryGetValue(out long whole) ? whole : (double)value,
        JsonValue value => (string?)value,
        _ => null,
    };
}
