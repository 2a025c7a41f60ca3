using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Model;

/// <summary>
/// Whose eyes a request is looked at with: everybody's, or one tenant's. To a tenant a resource of anyone else is not there at all;
/// whatever it asks, the answer is the one it would get if that resource did not exist. A tree belongs to whom its root's
/// <c>resourceMetadata.tenantId</c> names.
/// </summary>
/// <param name="Tenant">The tenant; null sees everything. Compared in any case, because names are.</param>
internal sealed record Visibility(string? Tenant)
{
    private const string Metadata = "resourceMetadata";
    private const string TenantId = "tenantId";

    /// <summary>Sees everything.</summary>
    public static Visibility All { get; } = new(Tenant: null);

    /// <summary>The tenant a tree belongs to; null for one that is the provider's.</summary>
    public static string? OwnerOf(Node root) => (root.Envelope[Metadata] as JsonObject)?
        .FirstOrDefault(member => member.Key.Equals(TenantId, StringComparison.OrdinalIgnoreCase)).Value?.ToString();

    /// <summary>Whether a tree is there for this viewer.</summary>
    public bool Sees(Node root) => Tenant is null || string.Equals(OwnerOf(root), Tenant, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether the tree of a reference is there for this viewer.</summary>
    public bool Sees(Snapshot snapshot, string reference) => Tenant is null || (snapshot.FindRoot(reference) is { } root && Sees(root));

    /// <summary>
    /// Whether this viewer may give a new tree that name. A tenant's begin with its id and a dot: names are one space for everybody, and
    /// otherwise a name that is refused would tell that somebody has it.
    /// </summary>
    public bool MayName(string id) => Tenant is null || id.StartsWith($"{Tenant}.", StringComparison.OrdinalIgnoreCase);

    /// <summary>The tree as this viewer's own.</summary>
    /// <exception cref="RefusedException">It was said to be another tenant's.</exception>
    public Node Claim(Node root)
    {
        if (Tenant is null)
        {
            return root;
        }

        if (OwnerOf(root) is { } owner && !owner.Equals(Tenant, StringComparison.OrdinalIgnoreCase))
        {
            throw new RefusedException(
                ErrorCodes.Forbidden, root.Ref, $"{root.Ref}: {Metadata}.{TenantId} '{owner}' is not yours. Leave it out, or send '{Tenant}'.", StatusCodes.Status403Forbidden);
        }

        JsonObject envelope = NodeJson.Owned(root.Envelope);
        JsonObject metadata = NodeJson.Owned(envelope[Metadata]);
        foreach (string spelling in metadata.Select(member => member.Key).Where(key => key.Equals(TenantId, StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            metadata.Remove(spelling);
        }

        metadata[TenantId] = Tenant;
        envelope[Metadata] = metadata;
        return root with { Envelope = envelope };
    }

    /// <summary>
    /// A derived value as this viewer may see it: pointers to what is not there left out, explanations (which name hosts and other
    /// resources) emptied, codes kept.
    /// </summary>
    /// <returns>Null when nothing is left.</returns>
    public JsonNode? Redact(JsonNode? value, Snapshot snapshot)
    {
        if (Tenant is null)
        {
            return value;
        }

        switch (value)
        {
            case JsonObject pointer when (string?)(pointer[ReferenceSchema.Member] as JsonValue) is { } reference:
                return Sees(snapshot, reference) ? value : null;
            case JsonObject map:
                return new JsonObject(map.Select(member => KeyValuePair.Create(
                    member.Key, member.Key == "message" ? JsonValue.Create("") : Redact(member.Value, snapshot))));
            case JsonArray list:
                JsonNode?[] left = [.. list.Select(item => Redact(item, snapshot)).Where(item => item is not null)];
                return left.Length == 0 && list.Count > 0 ? null : new JsonArray([.. left.Select(item => item!.DeepClone())]);
            default:
                return value?.DeepClone();
        }
    }
}
