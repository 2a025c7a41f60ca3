using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>gateways</c> (7.4): machines that connect virtual networks to the outside.</summary>
internal static class Gateways
{
    public const string Name = "gateways";
    public const string Pool = "pool";

    private const string Adapters = LoadBalancerMuxes.Interfaces;
    private const string External = LoadBalancerMuxes.ExternalInterface;
    private const string Internal = LoadBalancerMuxes.InternalInterface;
    private const string InvalidInterface = "InvalidNetworkInterfaceReference";

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        Validate = Validate,
        Properties = new(
        [
            new(Pool, new ReferenceSchema(GatewayPools.Name)) { Required = true },
            new("virtualServer", new ReferenceSchema(VirtualServers.Name)) { Required = true },
            new(Adapters, new StructSchema(
                new(External, new ReferenceSchema(NetworkInterfaces.Name) { MissingCode = InvalidInterface }) { Required = true, Immutable = true },
                new(Internal, new ReferenceSchema(NetworkInterfaces.Name) { MissingCode = InvalidInterface }) { Required = true, Immutable = true })) { Required = true },
            new("types", new ListSchema(new EnumSchema("s2sipsec", "s2sgre", "forwarding", "vpn"), countMax: 4)),
            new("bgpConfig", new StructSchema(
                new("extASNumber", new AutonomousSystemSchema()) { Required = true },
                new("bgpPeer", new ListSchema(
                    new StructSchema(
                        new("peerIP", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
                        new("peerExtAsNumber", new AutonomousSystemSchema()) { Required = true }),
                    countMax: 64)) { Default = new JsonArray() }))
            {
                // The GET schema wants the member, also of a gateway that speaks to no router.
                Default = new JsonObject { ["extASNumber"] = "", ["bgpPeer"] = new JsonArray() },
            },
            new("type", new TextSchema()) { Access = Access.ReadOnly, Compute = (gateway, view) => view.Snapshot.Find(gateway.Reference(Pool))?.Text("type") },
            Common.Constant("state", "Redundant"),
            Common.Constant("healthState", "Unknown"),
            new("totalCapacity", new DerivedSchema("integer")) { Access = Access.ReadOnly, Compute = Capacity },
            new("availableCapacity", new DerivedSchema("integer")) { Access = Access.ReadOnly, Compute = Capacity },
            Common.Constant("connections", new JsonArray()),
            Common.Constant("VirtualGateways", new JsonArray()),
            new("externalIPAddress", new DerivedSchema(DerivedSchema.List)) { Access = Access.ReadOnly, Compute = ExternalAddresses },
            Common.NotEnforced("Failure", "VirtualSwitch", "HostUnreachable", "No gateway runs there: this release stores gateways and connects nothing through them."),
        ]),
    };

    private static string? Interface(Node gateway, string side) => (string?)gateway.Properties[Adapters]?[side]?[ReferenceSchema.Member];

    private static JsonNode? Capacity(Node gateway, View view) =>
        view.Snapshot.Find(gateway.Reference(Pool))?.Properties["gatewayCapacityKiloBitsPerSecond"]?.DeepClone();

    private static JsonArray ExternalAddresses(Node gateway, View view) =>
        new([.. from configuration in view.Snapshot.Find(Interface(gateway, External))?.ChildrenOf(IpConfigurations.Name) ?? []
                where configuration.Text(IpConfigurations.Address) is not null
                let prefix = view.Snapshot.Find(configuration.Reference(IpConfigurations.Subnet))?.Prefix("addressPrefix")
                where prefix is not null
                select new JsonObject { ["ipAddress"] = configuration.Text(IpConfigurations.Address), ["prefixLength"] = prefix.Value.Length }]);

    private static void Validate(RuleContext gateway)
    {
        foreach (string side in new[] { External, Internal })
        {
            if (gateway.Find(Interface(gateway.Node, side)) is not { } nic)
            {
                continue;
            }

            if (gateway.Before.HoldersOf(nic).FirstOrDefault(h => h.Path is Name or LoadBalancerMuxes.Name && Node.KeyOf(h.Ref) != gateway.Node.Key) is { Ref: { } other })
            {
                gateway.Fail("NicInUse", $"{Adapters}.{side}", $"names {nic.Ref}, which {other} has. Use an interface of its own.");
            }

            int count = nic.ChildrenOf(IpConfigurations.Name).Length;
            if (side == Internal)
            {
                if (count > 0)
                {
                    gateway.Fail(InvalidInterface, $"{Adapters}.{side}", $"names {nic.Ref}, which has addresses. The internal interface of a gateway has no ipConfigurations.");
                }
            }
            else if (count != 1)
            {
                gateway.Fail("InvalidGatewayIPCount", $"{Adapters}.{side}", $"names {nic.Ref}, which has {count} addresses. The external interface has exactly one.");
            }
            else if (gateway.Find(nic.ChildrenOf(IpConfigurations.Name)[0].Reference(IpConfigurations.Subnet)) is { Type.Path: not LogicalNetworks.SubnetPath } subnet)
            {
                gateway.Fail(InvalidInterface, $"{Adapters}.{side}", $"names {nic.Ref} in {subnet.Ref}. The external interface is on a logical network.");
            }
        }
    }
}
