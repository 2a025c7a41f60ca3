using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary>
/// <c>servers</c> and their <c>networkInterfaces</c> (7.15). Each physical NIC that is plugged into a provider subnet is a team
/// member and gets one provider address (R62, R65), all from one subnet (R63).
/// </summary>
/// <remarks>
/// Extensions: <c>unmanagedVtep {address}</c> makes the server a tunnel endpoint without a host agent; <c>providerAddress {address,
/// macAddress, logicalSubnet}</c> of a NIC tells what was allocated for it.
/// </remarks>
internal static class Servers
{
    public const string Name = "servers";
    public const string Interfaces = "networkInterfaces";
    public const string UnmanagedVtep = "unmanagedVtep";
    public const string ProviderAddress = "providerAddress";

    private const string LogicalSubnets = "logicalSubnets";

    // A message for a person; a host can have thousands of ports.
    private const int NamedMax = 10;

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        InUseCode = "InUseServerCannotBeDeleted",
        WhyKeep = WhyKeep,
        Validate = ValidateServer,
        Claims = ServerClaims,
        Properties = new(
        [
            new("connections", Common.Connections()) { Default = new JsonArray() },
            new("certificate", new TextSchema(lengthMax: 65536)),
            new("model", new TextSchema()),
            new("os", new TextSchema()),
            new("rackSlot", new TextSchema()),
            new("serial", new TextSchema()),
            new("vendor", new TextSchema()),
            new("auditingEnabled", new ListSchema(new EnumSchema("Disabled", "Firewall"))) { Since = ApiVersion.V3, Default = new JsonArray("Disabled") },
            new(UnmanagedVtep, new StructSchema(new Property("address", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress })),
            new("virtualNetworkInterfaces", new ListSchema(new ReferenceSchema(NetworkInterfaces.Name))) { Access = Access.ReadOnly, Since = ApiVersion.V2, Compute = Hosted },
            Common.ConfigurationState(),
        ]),
        Children =
        [
            new ResourceType(Interfaces)
            {
                Asynchronous = true,
                Validate = ValidateInterface,
                Allocate = AllocateProviderAddress,
                Claims = InterfaceClaims,
                Properties = new(
                [
                    new("interfaceName", new TextSchema()),
                    new("interfaceIndex", new TextSchema()),
                    new("interfaceSpeed", new TextSchema()),
                    new("mac", new TextSchema()),
                    new("adminStatus", new TextSchema()),
                    new("operationalStatus", new TextSchema()),
                    new("vlanIds", new ListSchema(new TextSchema())),
                    new("isBMC", new BooleanSchema()),
                    new("ipConfiguration", new ListSchema(new StructSchema(
                        new("ipAddress", new TextSchema()),
                        new("networkPrefix", new TextSchema()),
                        new("defaultGateway", new TextSchema()),
                        new("isDhcpEnabled", new BooleanSchema()) { Default = false }))),
                    new(LogicalSubnets, new ListSchema(new ReferenceSchema(LogicalNetworks.SubnetPath))),
                    new(ProviderAddress, new StructSchema(
                        new("address", new AddressSchema()), new("macAddress", new MacSchema(dashes: true)), new("logicalSubnet", new TextSchema())))
                    {
                        Access = Access.ReadOnly,
                    },
                ]),
            },
        ],
    };

    /// <summary>Servers that lack a provider address which they might now get.</summary>
    public static IEnumerable<Node> WithoutProviderAddress(Snapshot snapshot) =>
        snapshot.All(Name).Where(server => server.ChildrenOf(Interfaces).Any(nic => nic.Properties[ProviderAddress] is null && nic.References(LogicalSubnets).Any()));

    /// <summary>The same, as what a logical network affects.</summary>
    public static IEnumerable<Node> WithoutProviderAddress(Node network, Snapshot snapshot) => WithoutProviderAddress(snapshot);

    /// <summary>The provider subnet a NIC is plugged into: the first of its logical subnets whose network carries virtual networks.</summary>
    public static Node? ProviderSubnet(Node nic, Func<string, Node?> find) =>
        nic.References(LogicalSubnets).Select(find).FirstOrDefault(subnet => subnet is not null && find(NetworkOf(subnet)) is { } network && LogicalNetworks.CarriesVirtualNetworks(network));

    // Foreign endpoints share the provider network with ours but belong to no subnet resource.
    private static ClaimKey EndpointKey(InetAddress address) => ClaimKey.Of("/unmanagedVteps", address);

    private static string NetworkOf(Node subnet) => subnet.Ref[..subnet.Ref.LastIndexOf("/subnets/", StringComparison.Ordinal)];

    private static void ValidateServer(RuleContext server)
    {
        bool managed = server.Node.Properties["connections"] is JsonArray { Count: > 0 };
        bool foreign = server.Node.Properties[UnmanagedVtep] is not null;
        if (managed == foreign)
        {
            server.Fail(ErrorCodes.RequiredParamMissing, "connections", foreign
                ? $"and {UnmanagedVtep} exclude each other: a server has a host agent to connect to, or it is only a tunnel endpoint. Send one of them."
                : $"is missing. Send connections[].managementAddresses, or {UnmanagedVtep}.address for an endpoint without a host agent.");
        }

        string? endpoint = (string?)server.Node.Properties[UnmanagedVtep]?["address"];
        if (endpoint is not null && server.Before.All(Name).SelectMany(s => s.ChildrenOf(Interfaces))
            .FirstOrDefault(nic => (string?)nic.Properties[ProviderAddress]?["address"] == endpoint) is { } holder)
        {
            server.Fail("PrivateIPAddressInUse", UnmanagedVtep, $"{endpoint} is the provider address of {holder.Ref}. An endpoint has an address of its own, best outside every ipPool.");
        }

        Node[] subnets = [.. server.Node.ChildrenOf(Interfaces).Select(nic => ProviderSubnet(nic, server.Find)).OfType<Node>().DistinctBy(s => s.Key)];
        if (subnets.Length > 1)
        {
            server.Fail(ErrorCodes.InvalidParameterValue, "networkInterfaces", $"are plugged into {subnets[0].Ref} and {subnets[1].Ref}. All provider addresses of one host come from one provider subnet.");
        }
    }

    private static void ValidateInterface(RuleContext nic)
    {
        nic.Carry(ProviderAddress);
        if ((string?)nic.Node.Properties[ProviderAddress]?["logicalSubnet"] is { } from && ProviderSubnet(nic.Node, nic.Find)?.Ref != from)
        {
            nic.Node.Properties.Remove(ProviderAddress);
        }
    }

    // Without a pool, or with a full one, the server stays without the address and its configurationState says so: hardware comes
    // and goes independently of address plans, so this is no reason to refuse the document.
    private static void AllocateProviderAddress(RuleContext nic)
    {
        if (nic.Node.Properties[ProviderAddress] is not null || ProviderSubnet(nic.Node, nic.Find) is not { } subnet || subnet.Prefix("addressPrefix") is not { } prefix)
        {
            return;
        }

        foreach ((InetAddress first, InetAddress last) in LogicalNetworks.Ranges(subnet))
        {
            bool found = nic.Holdings.TryTakeLowest(
                v => ClaimKey.Of(subnet.Ref, ClaimKey.Address(v)),
                ClaimKey.Number(first),
                ClaimKey.Number(last),
                v => LogicalNetworks.IsReserved(subnet, prefix, ClaimKey.Address(v)) || nic.Holdings.HolderOf(EndpointKey(ClaimKey.Address(v))) is not null,
                nic.Node.Ref,
                out UInt128 value);
            if (found)
            {
                MacAddress mac = MacPools.Allocate(nic, nic.Node.Ref) ?? FallbackMac(ClaimKey.Address(value));
                nic.Node.Properties[ProviderAddress] = new JsonObject
                {
                    ["address"] = ClaimKey.Address(value).ToString(),
                    ["macAddress"] = mac.ToString(),
                    ["logicalSubnet"] = subnet.Ref,
                };
                return;
            }
        }
    }

    // Without a macPool: locally administered, the low half of the address inside, so unique within its subnet.
    private static MacAddress FallbackMac(InetAddress address) => MacAddress.FromNumber(0x0250_0000_0000 | (address.Low & 0xFFFF_FFFF));

    private static IEnumerable<Claim> InterfaceClaims(Node nic)
    {
        if (nic.Properties[ProviderAddress] is JsonObject pa)
        {
            string address = (string)pa["address"]!;
            yield return new Claim(ClaimKey.Of((string)pa["logicalSubnet"]!, InetAddress.Parse(address)), ProviderAddress, address, "PrivateIPAddressInUse", "");
            yield return new Claim(ClaimKey.Of(MacAddress.Parse((string)pa["macAddress"]!)), ProviderAddress, (string)pa["macAddress"]!, "InvalidPrivateMacAddress", "");
        }
    }

    private static IEnumerable<Claim> ServerClaims(Node server)
    {
        if ((string?)server.Properties[UnmanagedVtep]?["address"] is { } address)
        {
            yield return new Claim(
                EndpointKey(InetAddress.Parse(address)), UnmanagedVtep, address, "PrivateIPAddressInUse", "Each endpoint has an address of its own.");
        }
    }

    private static string? WhyKeep(Node server, Snapshot before, ILiveState? live) =>
        live?.InterfacesOn(server) is { Count: > 0 } ports
            ? $"the ports of {string.Join(", ", ports.Take(NamedMax))}{(ports.Count > NamedMax ? $" and {ports.Count - NamedMax} more" : "")} are attached there. "
                + "Detach them, attach them on another host, or DELETE the interfaces if the host is gone for good."
            : null;

    private static JsonArray? Hosted(Node server, View view) =>
        view.Live?.InterfacesOn(server) is { Count: > 0 } hosted
            ? new JsonArray([.. hosted.Select(r => new JsonObject { [ReferenceSchema.Member] = r })])
            : null;
}
