using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>GatewayPools</c> (7.3): gateways of one kind and capacity, some of them standing by.</summary>
internal static class GatewayPools
{
    public const string Name = "GatewayPools";

    private const string Addresses = "ipConfiguration";
    private const string GreSubnets = "greVipSubnets";
    private const string PublicAddresses = "publicIPAddresses";
    private const string Everything = "ALL";
    private const string Gre = "s2sGre";

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        Validate = Validate,
        Properties = new(
        [
            new("type", new EnumSchema("s2sIPsec", Gre, "forwarding", Everything)) { Required = true },
            new(Addresses, new StructSchema(
                new(GreSubnets, new ListSchema(new ReferenceSchema(LogicalNetworks.SubnetPath), countMax: 64)) { Default = new JsonArray() },
                new(PublicAddresses, new ListSchema(new ReferenceSchema(PublicIPAddresses.Name), countMax: 256)) { Default = new JsonArray() }))
            {
                Default = new JsonObject { [GreSubnets] = new JsonArray(), [PublicAddresses] = new JsonArray() },
            },
            new("redundantGatewayCount", new IntegerSchema(0, int.MaxValue)) { Default = 0L },
            new("gatewayCapacityKiloBitsPerSecond", new IntegerSchema(0, int.MaxValue)) { Default = 0L },
            new("RadiusServer", new TextSchema(lengthMax: 255)),
            new("RadiusSecret", new TextSchema()) { Access = Access.WriteOnly },
            Common.BackReferencesIn(Gateways.Name, Gateways.Pool, Gateways.Name),
            Common.BackReferencesIn(VirtualGateways.Name, Name, VirtualGateways.Name),
        ]),
    };

    private static void Validate(RuleContext pool)
    {
        JsonNode? addresses = pool.Node.Properties[Addresses];
        if (pool.Node.Text("type") is Gre or Everything && addresses?[GreSubnets] is not JsonArray { Count: > 0 })
        {
            pool.Fail(ErrorCodes.RequiredParamMissing, $"{Addresses}.{GreSubnets}", $"is missing. A pool of type {Gre} or {Everything} says which logical subnets GRE addresses come from.");
        }

        foreach (string reference in (addresses?[PublicAddresses] as JsonArray ?? []).Select(r => (string)r![ReferenceSchema.Member]!))
        {
            if (pool.Find(reference) is { } ip
                && pool.Before.HoldersOf(ip).FirstOrDefault(h => !h.Ref.Equals(pool.Node.Ref, StringComparison.OrdinalIgnoreCase)) is { Ref: { } other })
            {
                pool.Fail("PublicIPAddressInUse", $"{Addresses}.{PublicAddresses}", $"names {ip.Ref}, which {other} has. Use another public address.");
            }
        }
    }
}
