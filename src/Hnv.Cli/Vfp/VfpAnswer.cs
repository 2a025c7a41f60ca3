using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;

namespace Hnv.Cli.Vfp;

/// <summary>What a verb found, ready to be printed either way.</summary>
internal sealed record VfpAnswer(Func<string> Text, Func<JsonNode> Json)
{
    /// <summary>A list of items.</summary>
    public static VfpAnswer List<T>(string verb, string name, IReadOnlyList<T> items, Func<VfpText, T, VfpText> print, JsonTypeInfo<T> type) => new(
        () => items.Aggregate(new VfpText().Head(), print).Succeeded(verb),
        () => new JsonObject { [name] = new JsonArray([.. items.Select(item => JsonSerializer.SerializeToNode(item, type))]) });
}
