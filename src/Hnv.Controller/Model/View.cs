using System.Text.Json.Nodes;
using Hnv.Contracts.HostChannel;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Model;

/// <summary>What a document is rendered from: one snapshot, and what is known about the hosts at this moment.</summary>
/// <param name="Snapshot">The resources.</param>
/// <param name="Version">The URI version asked through.</param>
/// <param name="Live">Tells what the hosts report; null where there are none.</param>
/// <param name="ProvisioningState">Tells the provisioningState of a resource.</param>
internal sealed record View(Snapshot Snapshot, ApiVersion Version, ILiveState? Live, Func<Node, string> ProvisioningState)
{
    /// <summary>Who looks.</summary>
    public Visibility Who { get; init; } = Visibility.All;

    /// <summary>Tells how far the last change of a top-level resource is on the hosts; null where nobody follows that.</summary>
    public Func<Node, PropagationState?>? Propagation { get; init; }

    /// <summary>References to everyone of a type who points at a node; null when nobody does.</summary>
    /// <param name="node">The target.</param>
    /// <param name="property">Only those who do so in this property; null for any.</param>
    /// <param name="holderPaths">The types of those who are named.</param>
    public JsonArray? BackReferences(Node node, string? property, params ReadOnlySpan<string> holderPaths)
    {
        JsonArray? references = null;
        string? last = null;
        foreach (Holder holder in Snapshot.HoldersOf(node))
        {
            if (holderPaths.Contains(holder.Path) && holder.Ref != last && (property is null || holder.Property == property) && Who.Sees(Snapshot, holder.Ref))
            {
                (references ??= []).Add(new JsonObject { [ReferenceSchema.Member] = holder.Ref });
                last = holder.Ref;
            }
        }

        return references;
    }
}

/// <summary>What the hosts really have, by resource.</summary>
internal interface ILiveState
{
    /// <summary>The configurationState of a resource; null before anything was tried.</summary>
    public JsonObject? ConfigurationState(Node node);

    /// <summary>resourceRef of the server that a network interface's port is on; null when it is on none.</summary>
    public string? ServerOf(Node networkInterface);

    /// <summary>resourceRefs of the network interfaces whose ports are on a server.</summary>
    public IReadOnlyList<string> InterfacesOn(Node server);

    /// <summary>What the ports of a network interface have counted; null while it is not known.</summary>
    public NicTotals? CountersOf(Node networkInterface);
}
