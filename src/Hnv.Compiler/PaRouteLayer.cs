using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>Which of the host's provider addresses a port's packets leave from.</summary>
internal sealed class PaRouteLayer(ImmutableArray<ProviderAddress> ownProviders, ImmutableArray<ProviderTeam> teams)
{
    // The number Windows shows for the rule PA_ROUTE.
    private const int RulePriority = 45_535;

    private readonly Dictionary<string, Layer> _layers = new(StringComparer.Ordinal);

    /// <summary>
    /// The layer of one port. When policy says that the host is a team, every other host accepts packets from each of its addresses, and the port's
    /// flows spread over them. Otherwise they leave from the PA that policy maps the port itself to, because that is the one the others accept; toward
    /// the other family of provider network, from one of the host's PAs chosen by the port's identity.
    /// </summary>
    public Layer Compile(PortPolicy port, MappingSpace space)
    {
        ProviderAddress? own = space.TryFind(port.Vsid, port.Mac, out Mapping mapping) ? mapping.Provider : null;
        ImmutableArray<byte> ipv4 = Members(port.Nic, own, isIPv4: true), ipv6 = Members(port.Nic, own, isIPv4: false);
        string key = $"{string.Join(',', ipv4)}/{string.Join(',', ipv6)}";
        if (!_layers.TryGetValue(key, out Layer? layer))
        {
            RuleAction action = new RuleAction.PaRoute(ipv4, ipv6);
            Rule[] rules = [new("PA_ROUTE", RulePriority, Condition.Any, action, Terminating: true)];
            layer = new Layer(
                LayerNames.PaRoute, LayerPriorities.PaRoute, LayerConnections.AsksEachPacket, [Group(isIPv4: true, rules), Group(isIPv4: false, rules)]);
            _layers.Add(key, layer);
        }

        return layer;
    }

    private ImmutableArray<byte> Members(NicId nic, ProviderAddress? mapped, bool isIPv4)
    {
        int[] members = [.. Enumerable.Range(0, ownProviders.Length).Where(member => ownProviders[member].Value.IsIPv4 == isIPv4)];
        if (mapped is { } provider && provider.Value.IsIPv4 == isIPv4 && ownProviders.IndexOf(provider) is >= 0 and int at)
        {
            int[] team = [.. members.Where(member => teams.Any(each => each.Members.Contains(provider) && each.Members.Contains(ownProviders[member])))];
            return team.Length > 1 ? [.. team.Select(member => (byte)member)] : [(byte)at];
        }

        return members.Length == 0 ? [] : [(byte)members[Pick(nic, members.Length)]];
    }

    private static int Pick(NicId nic, int count)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = nic.Value.TryWriteBytes(bytes);
        uint hash = 2166136261;
        foreach (byte b in bytes)
        {
            hash = (hash ^ b) * 16777619;
        }

        return (int)(hash % (uint)count);
    }

    private static RuleGroup Group(bool isIPv4, Rule[] rules) => new(
        GroupNames.Of("VNET_GROUP_PA_ROUTE", Direction.Outbound, isIPv4), Direction.Outbound, isIPv4, LayerPriorities.Group, rules);
}
