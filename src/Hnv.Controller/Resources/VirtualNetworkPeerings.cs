using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary>
/// <c>virtualNetworks/virtualNetworkPeerings</c> (7.18): one side of an agreement that two networks talk to each other. Both sides have to be
/// there; a peering is not transitive.
/// </summary>
internal static class VirtualNetworkPeerings
{
    public const string Name = "virtualNetworkPeerings";

    private const string Remote = "remoteVirtualNetwork";
    private const string AllowAccess = "allowVirtualNetworkAccess";
    private const string AllowGatewayTransit = "allowGatewayTransit";
    private const string UseRemoteGateways = "useRemoteGateways";

    // Stored beside the properties: which network was meant, for a new one of the same name is another one, and whether it ever agreed.
    private const string RemoteInstance = "remoteInstanceId";
    private const string WasConnected = "wasConnected";

    public static ResourceType Create() => new(Name)
    {
        Since = ApiVersion.V3,
        Asynchronous = true,
        Validate = Validate,
        Allocate = NoteConnected,
        Properties = new(
        [
            // Weak: a peering does not keep the other network from being deleted (2.11).
            new(Remote, new ReferenceSchema(VirtualNetworks.Name) { IsWeak = true }) { Required = true, RequiredCode = "RemoteVirtualNetworkNotSpecified" },
            new(AllowAccess, new BooleanSchema()) { Default = true },
            new("allowForwardedTraffic", new BooleanSchema()) { Default = false },
            new(AllowGatewayTransit, new BooleanSchema()) { Default = false },
            new(UseRemoteGateways, new BooleanSchema()) { Default = false },
            new("peeringState", new TextSchema()) { Access = Access.ReadOnly, Compute = (peering, view) => State(peering, view.Snapshot) },
            new("remoteAddressSpace", new DerivedSchema(DerivedSchema.Map)) { Access = Access.ReadOnly, Compute = RemoteAddressSpace },
        ]),
    };

    /// <summary>The networks that a network talks to: both sides agree, and both allow it.</summary>
    public static IEnumerable<Node> ConnectedPeers(Node network, Snapshot snapshot) =>
        from peering in network.ChildrenOf(Name)
        where Allows(peering)
        let remote = RemoteOf(peering, snapshot)
        where remote is not null && Opposite(remote, network) is { } back && Allows(back)
        select remote;

    /// <summary>Other networks whose side of a peering becomes connected by a change of this network.</summary>
    public static IEnumerable<Node> NewlyConnected(Node network, Snapshot snapshot) =>
        from peering in network.ChildrenOf(Name)
        let remote = RemoteOf(peering, snapshot)
        where remote is not null && Opposite(remote, network) is { } back && back.Properties[WasConnected] is null
        select remote;

    /// <summary>True when the address space of a network must stay as it is.</summary>
    public static bool FreezesAddressSpace(Node network, Snapshot snapshot) => network.ChildrenOf(Name).Any(peering => RemoteOf(peering, snapshot) is not null);

    /// <summary>The network a peering was made with; null when it is gone.</summary>
    private static Node? RemoteOf(Node peering, Snapshot snapshot) =>
        snapshot.Find(peering.Reference(Remote)) is { } remote && remote.InstanceId.ToString("D") == peering.Text(RemoteInstance) ? remote : null;

    /// <summary>The peering of a remote network that was made with this one.</summary>
    private static Node? Opposite(Node remote, Node network) =>
        remote.ChildrenOf(Name).FirstOrDefault(back => PointsAt(back, network) && back.Text(RemoteInstance) == network.InstanceId.ToString("D"));

    private static bool PointsAt(Node peering, Node network) => peering.Reference(Remote) is { } reference && Node.KeyOf(reference) == network.Key;

    private static bool Allows(Node peering) => (bool?)peering.Properties[AllowAccess] == true;

    private static string ParentRef(Node peering) => peering.Ref[..peering.Ref.LastIndexOf($"/{Name}/", StringComparison.Ordinal)];

    private static string State(Node peering, Snapshot snapshot) =>
        RemoteOf(peering, snapshot) is not { } remote ? "Disconnected"
        : snapshot.Find(ParentRef(peering)) is { } network && Opposite(remote, network) is not null ? "Connected"
        : peering.Properties[WasConnected] is null ? "Initiated" : "Disconnected";

    private static JsonObject RemoteAddressSpace(Node peering, View view) => new()
    {
        ["addressPrefixes"] = new JsonArray(
            [.. RemoteOf(peering, view.Snapshot) is { } remote ? VirtualNetworks.AddressSpace(remote).Select(p => JsonValue.Create(p.ToString())) : []]),
    };

    private static void Validate(RuleContext peering)
    {
        peering.Carry(RemoteInstance, WasConnected);
        if (peering.Node.Reference(Remote) is not { } reference)
        {
            return;
        }

        if (peering.Existing is { } before)
        {
            if (Node.KeyOf(before.Reference(Remote)!) != Node.KeyOf(reference))
            {
                peering.Fail("ChangingRemoteVirtualNetworkNotAllowed", Remote, $"cannot change from {before.Reference(Remote)} to {reference}. Delete the peering and make another one.");
                return;
            }

            if (RemoteOf(before, peering.Before) is null)
            {
                // A PUT of the network brings its peerings along as they are; that is no update of them.
                if (!JsonNode.DeepEquals(before.Properties, peering.Node.Properties))
                {
                    peering.Fail("CannotUpdateDisconnectedPeeringWithNullRemoteVnet", Remote, $"{reference} is gone, or another network of the same name. Delete the peering.");
                }

                return;
            }
        }

        if (Node.KeyOf(reference) == peering.Root.Key)
        {
            peering.Fail("PeeringRemoteVnetIsSameAsParentVnet", Remote, $"is {reference} itself. Name another network.");
        }
        else if (peering.Before.Find(reference) is not { } remote)
        {
            peering.Fail(ErrorCodes.InvalidResourceReference, Remote, $"points at {reference}, which does not exist. Create it first, or name an existing one of {VirtualNetworks.Name}.");
        }
        else
        {
            peering.Node.Properties[Remote] = new JsonObject { [ReferenceSchema.Member] = remote.Ref };
            peering.Node.Properties[RemoteInstance] = remote.InstanceId.ToString("D");
            ValidatePair(peering, remote);
            ValidateGateways(peering, remote);
        }
    }

    private static void ValidatePair(RuleContext peering, Node remote)
    {
        if (peering.EarlierSiblings().FirstOrDefault(p => PointsAt(p, remote)) is { } twin)
        {
            peering.Fail("AnotherPeeringAlreadyReferencesRemoteVnet", Remote, $"{remote.Ref} is peered with by {twin.Ref}. Two networks have one peering from each side.");
        }

        if (remote.ChildrenOf(Name).FirstOrDefault(back => PointsAt(back, peering.Root)) is { } stale && Opposite(remote, peering.Root) is null)
        {
            peering.Fail("RemotePeeringIsStaleBecauseVnetWasRecreated", Remote, $"{stale.Ref} was made with an earlier {peering.Root.Ref}. Delete it and make it anew, then this one.");
        }

        IpPrefix[] mine = [.. VirtualNetworks.AddressSpace(peering.Root)];
        CheckDisjoint(peering, "VnetAddressSpacesOverlap", peering.Root, mine, remote);
        foreach (Node third in remote.ChildrenOf(Name).Where(p => !PointsAt(p, peering.Root)).Select(p => RemoteOf(p, peering.Before)).OfType<Node>())
        {
            CheckDisjoint(peering, "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", peering.Root, mine, third);
        }

        foreach (Node third in peering.EarlierSiblings().Select(p => RemoteOf(p, peering.Before)).OfType<Node>().Where(n => n.Key != remote.Key))
        {
            CheckDisjoint(peering, "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet", remote, [.. VirtualNetworks.AddressSpace(remote)], third);
        }
    }

    private static void CheckDisjoint(RuleContext peering, string code, Node one, IpPrefix[] space, Node other)
    {
        if (VirtualNetworks.AddressSpace(other).FirstOrDefault(theirs => space.Any(theirs.Overlaps)) is var common && common != default)
        {
            peering.Fail(code, Remote, $"cannot be: {common} of {other.Ref} is also in the address space of {one.Ref}. Networks that are peered are disjoint.");
        }
    }

    private static void ValidateGateways(RuleContext peering, Node remote)
    {
        if ((bool?)peering.Node.Properties[UseRemoteGateways] != true)
        {
            return;
        }

        if ((bool?)peering.Node.Properties[AllowGatewayTransit] == true)
        {
            peering.Fail("UseRemoteAndAllowTransitCannotBeTrue", UseRemoteGateways, $"and {AllowGatewayTransit} exclude each other. A network uses gateways of the other or lends its own.");
        }
        else if (VirtualGateways.Of(remote, peering.Before) is null)
        {
            peering.Fail("RemoteVnetHasNoGateways", UseRemoteGateways, $"is true, but {remote.Ref} has no gateway. Send false.");
        }
        else if (VirtualGateways.Of(peering.Root, peering.Before) is { } own)
        {
            peering.Fail("ParentVnetAlreadyHasGateways", UseRemoteGateways, $"is true, but {peering.Root.Ref} has a gateway of its own, {own.Ref}. Send false.");
        }
        else if (peering.EarlierSiblings().FirstOrDefault(p => (bool?)p.Properties[UseRemoteGateways] == true) is { } other)
        {
            peering.Fail("AnotherPeeringAlreadyUsesRemoteGateways", UseRemoteGateways, $"is true, and {other.Ref} uses remote gateways already. A network uses those of one other.");
        }
        else if (Opposite(remote, peering.Root) is { } back && (bool?)back.Properties[AllowGatewayTransit] != true)
        {
            peering.Fail("RemotePeeringDoesNotAllowGatewayTransit", UseRemoteGateways, $"is true, but {back.Ref} does not lend its gateways. Set {AllowGatewayTransit} there first.");
        }
    }

    private static void NoteConnected(RuleContext peering)
    {
        if (RemoteOf(peering.Node, peering.Before) is { } remote && Opposite(remote, peering.Root) is not null)
        {
            peering.Node.Properties[WasConnected] = true;
        }
    }
}
