using System.CommandLine;
using System.CommandLine.Completions;
using System.Text.Json.Nodes;
using Hnv.Client;

namespace Hnv.Cli.Resources;

/// <summary>Completes types by themselves, and names by asking the controller: quickly, or not at all.</summary>
internal static class NameCompletion
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(300);

    /// <summary>Has an argument completed.</summary>
    public static Argument<T> WithNames<T>(this Argument<T> argument)
    {
        argument.CompletionSources.Add(Complete);
        return argument;
    }

    private static IEnumerable<CompletionItem> Complete(CompletionContext context)
    {
        string[] typed = [.. context.ParseResult.CommandResult.Tokens.Select(token => token.Value).Where(value => value != context.WordToComplete)];
        string word = context.WordToComplete;

        // After a type that stands alone come its names; with a slash, the names behind it.
        if (typed is [var type, ..] && !type.Contains('/', StringComparison.Ordinal) && !word.Contains('/', StringComparison.Ordinal))
        {
            return Names(context.ParseResult, type).Select(name => new CompletionItem(name));
        }

        int slash = word.LastIndexOf('/');
        return slash < 0
            ? ResourceNames.Types.Keys.Concat(ResourceNames.Types.Values.Select(shorts => shorts.FirstOrDefault()).OfType<string>()).Select(name => new CompletionItem(name))
            : Below(context.ParseResult, word[..slash]).Select(name => new CompletionItem($"{word[..slash]}/{name}"));
    }

    private static IEnumerable<string> Below(ParseResult parsed, string path) =>
        ResourceNames.Path(path).Split('/').Length % 2 != 0 ? Names(parsed, path) : Children(Ask(parsed, path));

    private static IEnumerable<string> Names(ParseResult parsed, string collection) => Ask(parsed, collection) switch
    {
        { } answer when answer["value"] is JsonArray members => members.Select(member => (string?)member?["resourceId"]).OfType<string>(),
        { } singleton => [(string?)singleton["resourceId"] ?? ""],
        null => [],
    };

    private static IEnumerable<string> Children(JsonNode? document) => (document?["properties"] as JsonObject ?? [])
        .Where(member => member.Value is JsonArray list && list.FirstOrDefault()?["resourceId"] is not null).Select(member => member.Key);

    private static JsonNode? Ask(ParseResult parsed, string path)
    {
        try
        {
            using ControllerClient controller = Endpoints.Controller(parsed);
            using CancellationTokenSource patience = new(s_patience);
            return controller.GetAsync("/" + ResourceNames.Path(path), patience.Token).GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is ApiException or OperationCanceledException or CommandException or FormatException)
        {
            // A suggestion that cannot be made is no reason to print anything into somebody's prompt.
            return null;
        }
    }
}
