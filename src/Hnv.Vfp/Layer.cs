using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>
/// One kind of policy at one port (R104). A layer has no behaviour until rules give it some; a packet that no rule matches passes. Immutable,
/// shared between the ports whose rules are the same.
/// </summary>
public sealed class Layer
{
    private readonly ImmutableArray<int>[] _groups;

    /// <summary>The layer of these groups.</summary>
    /// <param name="name">Its public name.</param>
    /// <param name="priority">Place in the port's order: ascending outbound, descending inbound (R105).</param>
    /// <param name="connections">What it does with packets of known connections.</param>
    /// <param name="groups">All groups, in any order.</param>
    public Layer(string name, int priority, LayerConnections connections, ImmutableArray<RuleGroup> groups)
    {
        Name = name;
        Priority = priority;
        Connections = connections;
        Groups = groups;
        _groups = new ImmutableArray<int>[4];
        for (int i = 0; i < _groups.Length; i++)
        {
            _groups[i] = [.. Enumerable.Range(0, groups.Length).Where(g => Class(groups[g].Direction, groups[g].IsIPv4) == i).OrderBy(g => groups[g].Priority)];
        }
    }

    /// <summary>The public name, e.g. <c>VNET_ENCAP_LAYER</c>.</summary>
    public string Name { get; }

    /// <summary>Lower is nearer to the VM.</summary>
    public int Priority { get; }

    /// <summary>What it does with packets of known connections.</summary>
    public LayerConnections Connections { get; }

    /// <summary>All groups.</summary>
    public ImmutableArray<RuleGroup> Groups { get; }

    /// <summary>Indexes into <see cref="Groups"/> of the groups of a direction and family, by priority.</summary>
    internal ImmutableArray<int> GroupsOf(Direction direction, bool isIPv4) => _groups[Class(direction, isIPv4)];

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static int Class(Direction direction, bool isIPv4) => ((int)direction << 1) | (isIPv4 ? 0 : 1);
}

/// <summary>What a layer does with packets of a known connection.</summary>
public enum LayerConnections : byte
{
    /// <summary>Asks its rules, as about any packet.</summary>
    AsksEachPacket,

    /// <summary>Lets them pass: firewalls.</summary>
    Passes,

    /// <summary>Does with them what it did with the first one: translations.</summary>
    Translates,
}

/// <summary>A condition, what to do when it holds, and its place among the rules of its group.</summary>
/// <param name="Id">The rule's identity in its group; counters survive a new program under it.</param>
/// <param name="Priority">Lower is asked first.</param>
/// <param name="Condition">When it matches.</param>
/// <param name="Action">What it does.</param>
/// <param name="Terminating">True ends the search in this layer; later groups are not asked.</param>
public sealed record Rule(string Id, int Priority, Condition Condition, RuleAction Action, bool Terminating)
{
    /// <summary>Idle time of the connections it admits, seconds (Flow TTL); 0 is that of their protocol and state.</summary>
    public int IdleSeconds { get; init; }
}

/// <summary>The public Windows names of the layers, in outbound order.</summary>
public static class LayerNames
{
    /// <summary>Firewall rules of the virtual subnet.</summary>
    public const string FirewallAdmin = "FW_ADMIN_LAYER_ID";

    /// <summary>Firewall rules of the network interface.</summary>
    public const string FirewallController = "FW_CONTROLLER_LAYER_ID";

    /// <summary>Bandwidth of the port (our name: Windows shows none).</summary>
    public const string Qos = "QOS_LAYER";

    /// <summary>Copies for appliances (our name).</summary>
    public const string Mirror = "SI_MIRROR_LAYER";

    /// <summary>Billed and unbilled bytes.</summary>
    public const string Meter = "VNET_METER_LAYER_OUT";

    /// <summary>Address translation.</summary>
    public const string Nat = "SLB_NAT_LAYER";

    /// <summary>The distributed router.</summary>
    public const string DistributedRouter = "VNET_DR_REDIRECTION_LAYER";

    /// <summary>Destination MAC of routed packets.</summary>
    public const string MacRewrite = "VNET_MAC_REWRITE_LAYER";

    /// <summary>CA-PA lookup, encapsulation, replication.</summary>
    public const string Encap = "VNET_ENCAP_LAYER";

    /// <summary>Outer source: which team member carries the packet.</summary>
    public const string PaRoute = "VNET_PA_ROUTE_LAYER";
}
