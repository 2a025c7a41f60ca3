using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Engine;

/// <summary>
/// Turns a request body into a node: any accepted spelling in, canonical form out, merged with what is stored by the replacement
/// rules of 2.2 (absent optional property → default; absent child array → children stay; present array → the new complete set).
/// </summary>
/// <param name="version">The URI version of the request.</param>
/// <param name="etag">Stamped on every node the operation touches.</param>
/// <param name="isFree">Tells whether a client's instanceId may be honoured.</param>
/// <param name="nextSequence">Gives order-of-creation numbers.</param>
/// <param name="errors">Collects what is wrong.</param>
internal sealed class DocumentReader(
    ApiVersion version, string etag, Func<Guid, bool> isFree, Func<long> nextSequence, PolicyErrors errors)
{
    private const int ResourceIdLengthMax = 256;
    private static readonly string[] s_envelope = ["tags", "resourceMetadata"];

    /// <summary>Reads the addressed resource.</summary>
    /// <param name="type">Its type.</param>
    /// <param name="id">resourceId from the URL.</param>
    /// <param name="parentRef">Its parent; empty at the top.</param>
    /// <param name="body">As sent.</param>
    /// <param name="existing">As stored; null when it is new.</param>
    public Node Read(ResourceType type, string id, string parentRef, JsonObject body, Node? existing)
    {
        string reference = $"{parentRef}/{type.Segment}/{existing?.Id ?? id}";
        CheckName(id, reference);
        JsonObject properties = Properties(body, reference);
        var result = new JsonObject();
        var scope = new ReadScope(reference, "", version, ErrorCodes.InvalidParameterValue, errors);
        type.Properties.Read(properties, existing?.Properties, result, scope, p => scope with { Property = p.Name, Code = p.InvalidCode });
        return new Node(
            type,
            existing?.Id ?? id,
            reference,
            existing?.InstanceId ?? InstanceId(body),
            etag,
            existing?.Sequence ?? nextSequence(),
            Envelope(type, body, existing, scope),
            result,
            [.. type.Children.Select((child, index) => Children(child, properties, reference, existing?.Children[index] ?? []))]);
    }

    /// <summary>The same node, stamped as touched by this operation, and its descendants with it.</summary>
    public Node Touch(Node node) => node with
    {
        ETag = etag,
        Properties = node.Properties.DeepClone().AsObject(),
        Children = [.. node.Children.Select(list => list.Select(Touch).ToImmutableArray())],
    };

    /// <summary>A member of a body in any case.</summary>
    public static JsonNode? Member(JsonObject body, string name) =>
        body.FirstOrDefault(m => m.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    private ImmutableArray<Node> Children(ResourceType type, JsonObject properties, string parentRef, ImmutableArray<Node> existing)
    {
        if ((Member(properties, type.Name) ?? (type.Alias is { } alias ? Member(properties, alias) : null)) is not { } sent || type.Since.CompareTo(version) > 0)
        {
            return [.. existing.Select(Touch)];
        }

        if (sent is not JsonArray array)
        {
            errors.Add(new PolicyError(ErrorCodes.InvalidRequestFormat, parentRef, $"{parentRef}: {type.Name} is not an array. Send the children in [ ]."));
            return existing;
        }

        var ids = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        ImmutableArray<Node>.Builder children = ImmutableArray.CreateBuilder<Node>(array.Count);
        for (int i = 0; i < array.Count; i++)
        {
            string at = $"{parentRef}: {type.Name}[{i}]";
            if (array[i] is not JsonObject child)
            {
                errors.Add(new PolicyError(ErrorCodes.InvalidRequestFormat, parentRef, $"{at} is not an object."));
            }
            else if (Member(child, "resourceId") is not JsonValue idValue || idValue.ToString() is not { Length: > 0 } id)
            {
                errors.Add(new PolicyError(ErrorCodes.RequiredParamMissing, parentRef, $"{at} has no resourceId. Every inline child needs one."));
            }
            else if (!ids.Add(id))
            {
                errors.Add(new PolicyError(ErrorCodes.InvalidResourceName, parentRef, $"{at} is a second '{id}'. A resourceId is unique in its parent."));
            }
            else
            {
                Node? before = existing.FirstOrDefault(n => n.Id.Equals(id, StringComparison.OrdinalIgnoreCase));
                children.Add(Read(type, id, parentRef, child, before));
            }
        }

        return children.DrainToImmutable();
    }

    private JsonObject Properties(JsonObject body, string reference)
    {
        switch (Member(body, "properties"))
        {
            case null:
                return [];
            case JsonObject properties:
                return properties;
            default:
                errors.Add(new PolicyError(ErrorCodes.InvalidRequestFormat, reference, $"{reference}: properties is not an object."));
                return [];
        }
    }

    private JsonObject Envelope(ResourceType type, JsonObject body, Node? existing, ReadScope scope)
    {
        var envelope = new JsonObject();
        type.Envelope.Read(body, existing?.Envelope, envelope, scope, p => scope with { Property = p.Name, Code = p.InvalidCode });
        foreach (string name in s_envelope)
        {
            switch (Member(body, name))
            {
                case null:
                    break;
                case JsonObject map:
                    envelope[name] = NodeJson.Owned(map);
                    break;
                default:
                    errors.Add(new PolicyError(ErrorCodes.InvalidParameterValue, scope.Target, $"{scope.Target}: {name} is not an object of strings."));
                    break;
            }
        }

        return envelope;
    }

    // A GUID that is taken is not a fault: clients also send back documents they read elsewhere, and instanceId is read-only there.
    private Guid InstanceId(JsonObject body) =>
        Member(body, "instanceId") is JsonValue value && value.GetValueKind() == JsonValueKind.String
            && Guid.TryParse(value.GetValue<string>(), out Guid sent) && sent != Guid.Empty && isFree(sent)
            ? sent
            : Guid.NewGuid();

    private void CheckName(string id, string reference)
    {
        if (id.Length is 0 or > ResourceIdLengthMax || id.AsSpan().ContainsAny("/\\?#%") || id.Any(char.IsControl))
        {
            errors.Add(new PolicyError(
                ErrorCodes.InvalidResourceName,
                reference,
                $"{reference}: resourceId '{id}' is not usable. Use 1 to {ResourceIdLengthMax} characters without / \\ ? # % and control characters."));
        }
    }
}
