using System.Globalization;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>virtualNetworks</c> and their <c>subnets</c> (7.18). The network's instanceId is its RDID.</summary>
/// <remarks>
/// Extension: <c>virtualSubnetId</c> may be sent in the PUT that creates a subnet, to ask for that VSID; it changes only
/// when the subnet joins or leaves a dual-stack pair, and is returned at every version.
/// </remarks>
internal static class VirtualNetworks
{
    public const string Name = "virtualNetworks";
    public const string Subnets = "subnets";
    public const string SubnetPath = "virtualNetworks/subnets";
    public const string VirtualSubnetId = "virtualSubnetId";

    /// <summary>Name servers of a network, or of one interface.</summary>
    public const int DnsServersMax = 9;

    private const string EncryptionCredential = "encryptionCredential";
    private const string UnbilledAddressRanges = "unbilledAddressRanges";
    private const string InvalidUnbilledRange = "InvalidUnbilledAddressRange";
    private const string InvalidNetwork = "InvalidLogicalNetworkReference";
    private const string InvalidSubnet = "InvalidSubnet";

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        InUseCode = "VnetInUse",
        Validate = ValidateNetwork,
        Allocate = DualStackSubnets.AllocateVsids,
        Claims = VsidClaims,
        Affects = VirtualNetworkPeerings.NewlyConnected,
        Properties = new(
        [
            new("addressSpace", new StructSchema(
                new Property("addressPrefixes", new ListSchema(new PrefixSchema(), countMin: 1)) { Required = true, InvalidCode = ErrorCodes.InvalidIPPrefix })) { Required = true },
            new("logicalNetwork", new ReferenceSchema(LogicalNetworks.Name) { MissingCode = InvalidNetwork }) { Required = true, RequiredCode = InvalidNetwork },
            new("dhcpOptions", new StructSchema(
                new Property("DnsServers", new ListSchema(new AddressSchema(), countMax: DnsServersMax)) { InvalidCode = "DnsServerCountLimitReached" })),
            new(UnbilledAddressRanges, new TextSchema(lengthMax: 65536)) { Since = ApiVersion.V2, InvalidCode = InvalidUnbilledRange },
            new(EncryptionCredential, new ReferenceSchema(Credentials.Name)) { Since = ApiVersion.V2 },
            Common.ConfigurationState(),
        ]),
        Children =
        [
            new ResourceType(Subnets)
            {
                Asynchronous = true,
                InUseCode = "InUseSubnetCannotBeDeleted",
                InUseCodeOf = { [LearnedIPAddresses.Name] = "LearnedIpSubnetInUse" },
                Validate = ValidateSubnet,
                Properties = new(
                [
                    new("addressPrefix", new PrefixSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPPrefix },
                    new("accessControlList", new ReferenceSchema(AccessControlLists.Name)),
                    new(RouteTables.Property, new ReferenceSchema(RouteTables.Name)),
                    new(ServiceInsertions.Property, new ReferenceSchema(ServiceInsertions.Name)),
                    new(DualStackSubnets.Property, new ReferenceSchema(SubnetPath) { IsMutual = true }) { Since = ApiVersion.V3 },
                    new(VirtualSubnetId, new IntegerSchema(Vsid.MinValue, Vsid.MaxValue, asString: true)) { Immutable = true },
                    new("encryptionEnabled", new BooleanSchema()) { Since = ApiVersion.V2, Default = false },
                    Egress("billedEgressBytes", egress => egress.Billed),
                    Egress("unbilledEgressBytes", egress => egress.Unbilled),
                    Common.BackReference("ipConfigurations", NetworkInterfaces.IpConfigurationPath),
                    Common.BackReferenceSince(ApiVersion.V5, "learnedIpAddresses", LearnedIPAddresses.Name),
                ]),
            },
            VirtualNetworkPeerings.Create(),
        ],
    };

    private static Property Egress(string name, Func<Counters.Egress, long> which) => new(name, new IntegerSchema(0, long.MaxValue))
    {
        Access = Access.ReadOnly,
        Since = ApiVersion.V2,
        Compute = (subnet, view) => Counters.OfSubnet(subnet, view.Snapshot, view.Live) is { } egress ? which(egress) : null,
    };

    /// <summary>The router's address in a subnet: the lowest host address (R22).</summary>
    public static InetAddress Gateway(IpPrefix prefix) => ClaimKey.Address(ClaimKey.Number(prefix.Address) + 1);

    /// <summary>Addresses of a subnet that no machine may have: the network's, the router's, the broadcast's.</summary>
    public static bool IsReserved(IpPrefix prefix, InetAddress address) =>
        address == prefix.Address || address == Gateway(prefix) || (prefix.IsIPv4 && address == prefix.LastAddress);

    /// <summary>The prefixes of a network.</summary>
    public static IEnumerable<IpPrefix> AddressSpace(Node network) =>
        Common.Texts(network.Properties["addressSpace"]?["addressPrefixes"]).Select(IpPrefix.Parse);

    /// <summary>Destinations outside a network that are not billed; null when the text is not prefixes with commas between them.</summary>
    public static IReadOnlyList<IpPrefix>? UnbilledRanges(Node network)
    {
        List<IpPrefix> ranges = [];
        foreach (string text in (network.Text(UnbilledAddressRanges) ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (!AccessControlLists.TryParsePrefix(text, out IpPrefix prefix))
            {
                return null;
            }

            ranges.Add(prefix);
        }

        return ranges;
    }

    /// <summary>The VSID of a subnet.</summary>
    public static Vsid VsidOf(Node subnet) => Vsid.Create(uint.Parse(subnet.Text(VirtualSubnetId)!, CultureInfo.InvariantCulture));

    /// <summary>Who has an address in a subnet: interfaces, front ends, learned addresses, gateways.</summary>
    public static IReadOnlyList<string> UsersOf(Snapshot snapshot, Node subnet) =>
    [
        .. snapshot.HoldersOf(subnet)
            .Where(holder => holder.Path is NetworkInterfaces.IpConfigurationPath or LoadBalancerFrontends.Path or LearnedIPAddresses.Name or VirtualGateways.Name)
            .Select(holder => holder.Ref),
    ];

    private static void ValidateNetwork(RuleContext network)
    {
        VirtualSwitchManager.RequireFilter(network);
        DualStackSubnets.Settle(network);
        CheckEncryption(network);
        CheckSpaceInUse(network);
        if (UnbilledRanges(network.Node) is null)
        {
            network.Fail(InvalidUnbilledRange, UnbilledAddressRanges, $"'{network.Node.Text(UnbilledAddressRanges)}' does not read. Send prefixes as 10.9.0.0/16 without host bits, with commas between them.");
        }

        if (network.Existing is { } old && VirtualNetworkPeerings.FreezesAddressSpace(old, network.Before)
            && !AddressSpace(old).ToHashSet().SetEquals(AddressSpace(network.Node)))
        {
            network.Fail("VnetAddressSpaceCannotChangeDueToPeerings", "addressSpace", $"cannot change from {string.Join(", ", AddressSpace(old))} while the network has peerings. Delete them first.");
        }

        if (network.Find(network.Node.Reference("logicalNetwork")) is not { } carrier)
        {
            return;
        }

        if (!LogicalNetworks.CarriesVirtualNetworks(carrier))
        {
            network.Fail(InvalidNetwork, "logicalNetwork", $"points at {carrier.Ref}, which does not carry virtual networks. Set its networkVirtualizationEnabled to True, or name another one.");
        }

        if (network.Existing?.Reference("logicalNetwork") is { } before && Node.KeyOf(before) != carrier.Key
            && network.Existing.ChildrenOf(Subnets).FirstOrDefault(s => UsersOf(network.Before, s).Count > 0) is { } used)
        {
            network.Fail("VnetInUse", "logicalNetwork", $"cannot change from {before} to {carrier.Ref} while {used.Ref} is in use.");
        }
    }

    private static void CheckEncryption(RuleContext network)
    {
        Credentials.RequireCertificate(network, EncryptionCredential);
        if (network.Node.Reference(EncryptionCredential) is null
            && network.Node.ChildrenOf(Subnets).FirstOrDefault(s => (bool?)s.Properties["encryptionEnabled"] == true) is { } encrypted)
        {
            network.Fail("UnsupportedCredentialType", EncryptionCredential, $"is missing, and {encrypted.Ref} has encryptionEnabled. Name a credential of type X509Certificate.");
        }
    }

    // The subnets that stay are checked one by one; this is about what is left out of the space although somebody is there.
    private static void CheckSpaceInUse(RuleContext network)
    {
        IpPrefix[] space = [.. AddressSpace(network.Node)];
        if (network.Existing?.ChildrenOf(Subnets).FirstOrDefault(s =>
            UsersOf(network.Before, s).Count > 0 && s.Prefix("addressPrefix") is { } prefix && !space.Any(p => p.Contains(prefix))) is { } used)
        {
            network.Fail("VnetInUse", "addressSpace", $"{string.Join(", ", space)} leaves out {used.Text("addressPrefix")}, and {UsersOf(network.Before, used)[0]} is there. Keep it in the space.");
        }
    }

    private static void ValidateSubnet(RuleContext subnet)
    {
        if (subnet.Node.Prefix("addressPrefix") is not { } prefix)
        {
            return;
        }

        if (prefix.Length > (prefix.IsIPv4 ? 30 : 126))
        {
            subnet.Fail(InvalidSubnet, "addressPrefix", $"{prefix} has no room for a router and a machine. Use /{(prefix.IsIPv4 ? 30 : 126)} or shorter.");
        }

        IpPrefix[] space = [.. AddressSpace(subnet.Root)];
        bool inUse = subnet.Existing is { } present && UsersOf(subnet.Before, present).Count > 0;
        if (!inUse && !space.Any(s => s.Contains(prefix)))
        {
            subnet.Fail(InvalidSubnet, "addressPrefix", $"{prefix} lies outside the address space {string.Join(", ", space)} of {subnet.Root.Ref}. Widen addressSpace or choose a prefix inside it.");
        }

        foreach (Node sibling in subnet.EarlierSiblings())
        {
            if (sibling.Prefix("addressPrefix") is { } other && other.Overlaps(prefix))
            {
                subnet.Fail(InvalidSubnet, "addressPrefix", $"{prefix} overlaps {other} of {sibling.Ref}. Subnets of one virtual network are disjoint.");
            }
        }

        if (subnet.Existing is { } before && before.Text("addressPrefix") != prefix.ToString()
            && UsersOf(subnet.Before, before) is [var user, ..])
        {
            subnet.Fail("InUseSubnetCannotBeUpdated", "addressPrefix", $"cannot change from {before.Text("addressPrefix")} to {prefix} while {user} uses the subnet.");
        }

        RouteTables.ValidateAttachment(subnet);
        ServiceInsertions.ValidateAttachment(subnet, subnet.Root.Ref);
        if (subnet.Node.Text(VirtualSubnetId) is { } id && subnet.EarlierSiblings().FirstOrDefault(s => s.Text(VirtualSubnetId) == id) is { } twin
            && DualStackSubnets.Partner(subnet.Root, subnet.Node) != twin)
        {
            subnet.Fail(ErrorCodes.InvalidParameterValue, VirtualSubnetId, $"{id} is held by {twin.Ref}. Ask for another one, or leave it out to be given a free one.");
        }
    }

    // Of the network, not of its subnets: two that are a pair have one id.
    private static IEnumerable<Claim> VsidClaims(Node network) =>
        from text in network.ChildrenOf(Subnets).Select(subnet => subnet.Text(VirtualSubnetId)).OfType<string>().Distinct()
        select new Claim(
            ClaimKey.Of(Vsid.Create(uint.Parse(text, CultureInfo.InvariantCulture))), VirtualSubnetId, text, ErrorCodes.InvalidParameterValue,
            "Ask for another one, or leave it out to be given a free one.");
}
