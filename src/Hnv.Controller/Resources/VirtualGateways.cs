using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>VirtualGateways</c> (7.17): what connects a tenant's networks to other sites.</summary>
internal static class VirtualGateways
{
    public const string Name = "VirtualGateways";

    private const string Subnets = "gatewaySubnets";

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        Validate = Validate,
        Properties = new(
        [
            new(Subnets, new ListSchema(new ReferenceSchema(VirtualNetworks.SubnetPath), countMax: 64)) { Required = true },
            new(GatewayPools.Name, new ListSchema(new ReferenceSchema(GatewayPools.Name), countMax: 64)) { Required = true, Aliases = ["gatewayPool"] },
            new("vpnConfiguration", new StructSchema(
                Prefixes("IPv4AddressPrefixes"),
                Prefixes("IPv6AddressPrefixes"),
                new("capacity", new IntegerSchema(0, int.MaxValue)),
                new("Realm", new TextSchema(lengthMax: 255)))),
            Common.Constant("routingType", "Dynamic"),
            Common.NotEnforced("InProgress", "VirtualNetwork", "HostUnreachable", "No gateway serves it yet: this release stores virtual gateways and connects nothing through them."),
        ]),
        Children = [NetworkConnections.Create(), BgpRouters.Create(), PolicyMaps.Create()],
    };

    /// <summary>The virtual gateway of a virtual network; null when it has none.</summary>
    public static Node? Of(Node network, Snapshot snapshot)
    {
        string prefix = $"{network.Key}/";
        return snapshot.All(Name).FirstOrDefault(gateway => gateway.References(Subnets).Any(s => Node.KeyOf(s).StartsWith(prefix, StringComparison.Ordinal)));
    }

    private static Property Prefixes(string name) => new(name, new ListSchema(
        new StructSchema(
            new("prefix", new PrefixSchema()) { InvalidCode = ErrorCodes.InvalidIPPrefix },
            new("start", new AddressSchema(emptyIsAbsent: true)) { InvalidCode = ErrorCodes.InvalidIPAddress },
            new("end", new AddressSchema(emptyIsAbsent: true)) { InvalidCode = ErrorCodes.InvalidIPAddress }),
        countMax: 64));

    private static void Validate(RuleContext gateway)
    {
        if (gateway.Node.Properties[Subnets] is JsonArray { Count: 0 })
        {
            gateway.Fail(ErrorCodes.RequiredParamMissing, Subnets, "is empty. Name a subnet of the network that the gateway serves.");
        }

        foreach (string network in gateway.Node.References(Subnets).Select(s => string.Join('/', s.Split('/').Take(3))).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (gateway.Find(network) is { } found && gateway.Before.All(Name).FirstOrDefault(other => other.Key != gateway.Node.Key && Serves(other, found)) is { } twin)
            {
                gateway.Fail("MultipleGatwaysUseSameVnet", Subnets, $"are in {network}, which {twin.Ref} serves. A virtual network has one gateway.");
            }
        }

        NetworkConnections.ValidateTogether(gateway);
    }

    private static bool Serves(Node gateway, Node network) =>
        gateway.References(Subnets).Any(s => Node.KeyOf(s).StartsWith($"{network.Key}/", StringComparison.Ordinal));
}
