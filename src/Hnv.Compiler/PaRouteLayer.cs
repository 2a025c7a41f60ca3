using System.Collections.Immutable;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>Which of the host's provider addresses a port's packets leave from.</summary>
internal sealed class PaRouteLayer(ImmutableArray<ProviderAddress> ownProviders)
{
    // The number Windows shows for the rule PA_ROUTE.
    private const int RulePriority = 45_535;

    private readonly Dictionary<(byte?, byte?), Layer> _layers = [];

    /// <summary>
    /// The layer of one port. Its packets leave from the PA that the policy maps the port itself to, because that is the address every other host
    /// accepts them from; toward the other family of provider network, from one of the host's PAs chosen by the port's identity.
    /// </summary>
    public Layer Compile(PortPolicy port, MappingSpace space)
    {
        ProviderAddress? own = space.TryFind(port.Vsid, port.Mac, out Mapping mapping) ? mapping.Provider : null;
        (byte?, byte?) key = (Choose(port.Nic, own, isIPv4: true), Choose(port.Nic, own, isIPv4: false));
        if (!_layers.TryGetValue(key, out Layer? layer))
        {
            RuleAction action = new RuleAction.PaRoute(key.Item1, key.Item2);
            Rule[] rules = [new("PA_ROUTE", RulePriority, Condition.Any, action, Terminating: true)];
            layer = new Layer(
                LayerNames.PaRoute, LayerPriorities.PaRoute, passesConnections: false, [Group(isIPv4: true, rules), Group(isIPv4: false, rules)]);
            _layers.Add(key, layer);
        }

        return layer;
    }

    private byte? Choose(NicId nic, ProviderAddress? mapped, bool isIPv4)
    {
        if (mapped is { } provider && provider.Value.IsIPv4 == isIPv4 && ownProviders.IndexOf(provider) is >= 0 and int at)
        {
            return (byte)at;
        }

        int[] members = [.. Enumerable.Range(0, ownProviders.Length).Where(member => ownProviders[member].Value.IsIPv4 == isIPv4)];
        if (members.Length == 0)
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[16];
        _ = nic.Value.TryWriteBytes(bytes);
        uint hash = 2166136261;
        foreach (byte b in bytes)
        {
            hash = (hash ^ b) * 16777619;
        }

        return (byte)members[hash % (uint)members.Length];
    }

    private static RuleGroup Group(bool isIPv4, Rule[] rules) => new(
        GroupNames.Of("VNET_GROUP_PA_ROUTE", Direction.Outbound, isIPv4), Direction.Outbound, isIPv4, LayerPriorities.Group, rules);
}
