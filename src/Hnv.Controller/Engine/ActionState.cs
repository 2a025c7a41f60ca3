using System.Text.Json.Nodes;
using Hnv.Controller.Model;

namespace Hnv.Controller.Engine;

/// <summary>What becomes of the work that a PUT starts beside storing the document; kept with the document, not shown as such.</summary>
internal static class ActionState
{
    /// <summary>Names the operation while the work is under way.</summary>
    public const string Pending = "actionPending";

    private const string FailedProperty = "actionFailed";

    /// <summary>True when the work did not succeed.</summary>
    public static bool Failed(Node node) => node.Properties[FailedProperty] is not null;

    /// <summary>The operation whose work is under way; null when none is.</summary>
    public static Guid? PendingOperation(Node node) => node.Text(Pending) is { } id ? Guid.Parse(id) : null;

    /// <summary>Notes that the work has begun.</summary>
    public static void Begin(Node node, Guid operation) => node.Properties[Pending] = operation.ToString("D");

    /// <summary>Notes how it ended.</summary>
    public static void End(Node node, JsonObject result, bool failed)
    {
        node.Properties.Remove(Pending);
        foreach ((string name, JsonNode? value) in result)
        {
            node.Properties[name] = value?.DeepClone();
        }

        if (failed)
        {
            node.Properties[FailedProperty] = true;
        }
    }

    /// <summary>Keeps what earlier work found out when the document is replaced.</summary>
    public static void Carry(RuleContext context, params ReadOnlySpan<string> results)
    {
        context.Carry(Pending, FailedProperty);
        context.Carry(results);
    }
}
