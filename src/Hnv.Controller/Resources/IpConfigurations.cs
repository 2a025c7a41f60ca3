using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>networkInterfaces/ipConfigurations</c> (7.11): one customer address.</summary>
internal static class IpConfigurations
{
    public const string Name = "ipConfigurations";
    public const string Subnet = "subnet";
    public const string Address = "privateIPAddress";

    private const string PublicAddress = "publicIPAddress";
    private const string IsPrimary = "isPrimary";
    private const string Method = "privateIPAllocationMethod";

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        Validate = Validate,
        Allocate = Allocate,
        Claims = Claims,
        Properties = new(
        [
            new(Address, new AddressSchema(emptyIsAbsent: true))
            {
                InvalidCode = "InvalidPrivateIPAddressFormat",
                Filled = true,
                AllocationMethod = Method,
                Compute = (node, view) => node.Text(Address) ?? LearnedIPAddresses.AddressOf(node, view.Snapshot),
            },
            new(Method, new EnumSchema("Static", "Dynamic", "Unmanaged", LearnedIPAddresses.Method) { Synonyms = { ["Unmanged"] = "Unmanaged" }, ShownAs = { [LearnedIPAddresses.Method] = "Dynamic" } })
            {
                Default = "Dynamic",
                Immutable = true,
                ImmutableCode = "PrivateIpAllocationMethodCannotBeUpdated",

                // The schemas know no Learned: it is written as Dynamic and told by learnedIp.
                Same = (sent, stored) => OnTheWire((string)sent!) == OnTheWire((string)stored!),
                Compute = (node, _) => OnTheWire(node.Text(Method)!),
            },
            new(Subnet, new ReferenceSchema(VirtualNetworks.SubnetPath, LogicalNetworks.SubnetPath)) { Required = true, RequiredCode = "SubnetIsRequired" },
            new("accessControlList", new ReferenceSchema(AccessControlLists.Name)),
            new(ServiceInsertions.Property, new ReferenceSchema(ServiceInsertions.Name)),
            new(PublicAddress, new ReferenceSchema(PublicIPAddresses.Name)),
            new(LoadBalancers.PoolsProperty, new ListSchema(new ReferenceSchema(LoadBalancers.PoolPath), countMax: 256)) { Aliases = ["loadBalancerBackendAddressPool"] },
            new(LoadBalancers.NatRulesProperty, new ListSchema(new ReferenceSchema(LoadBalancerRules.InboundNatPath), countMax: 256)),
            new(LearnedIPAddresses.Property, new ReferenceSchema(LearnedIPAddresses.Name)) { Since = ApiVersion.V5, TooNewCode = LearnedIPAddresses.NotSupported },
            new(IsPrimary, new BooleanSchema()) { Since = ApiVersion.V4, Filled = true },
        ]),
    };

    private static string OnTheWire(string method) => method == LearnedIPAddresses.Method ? "Dynamic" : method;

    private static bool IsVirtual(Node subnet) => subnet.Type.Path == VirtualNetworks.SubnetPath;

    private static bool IsReserved(Node subnet, IpPrefix prefix, InetAddress address) =>
        IsVirtual(subnet) ? VirtualNetworks.IsReserved(prefix, address) : LogicalNetworks.IsReserved(subnet, prefix, address);

    private static void Validate(RuleContext configuration)
    {
        if (configuration.Find(configuration.Node.Reference(Subnet)) is not { } subnet)
        {
            return;
        }

        if (configuration.Node.Text(Method) == "Dynamic" && configuration.Node.Reference(LearnedIPAddresses.Property) is not null)
        {
            configuration.Node.Properties[Method] = LearnedIPAddresses.Method;
        }

        configuration.Node.Properties[IsPrimary] ??= configuration.Node.Text(Method) != LearnedIPAddresses.Method;
        LearnedIPAddresses.ValidateConfiguration(configuration);
        LoadBalancers.ValidateMember(configuration, subnet);
        PublicIPAddresses.ValidateUse(configuration, PublicAddress);
        CheckTags(configuration, subnet);
        CheckMirror(configuration, subnet);
        switch (configuration.Node.Text(Method))
        {
            case "Static":
                ValidateStatic(configuration, subnet);
                break;
            case "Dynamic":
                ValidateDynamic(configuration, subnet);
                break;
            case LearnedIPAddresses.Method:
                // Shared with others, so it is not this configuration's to hold.
                configuration.Node.Properties.Remove(Address);
                break;
            default:
                configuration.Node.Properties.Remove(Address);
                ValidateUnmanaged(configuration, subnet);
                break;
        }
    }

    private static void ValidateStatic(RuleContext configuration, Node subnet)
    {
        if (configuration.Node.Address(Address) is not { } address)
        {
            if (!configuration.Errors.Any)
            {
                configuration.Fail("PrivateIPAddressMissing", Address, "is missing. A Static configuration brings its own; use Dynamic to be given one.");
            }

            return;
        }

        if (subnet.Prefix("addressPrefix") is not { } prefix)
        {
            configuration.Fail("PrivateIpAllocationMethodMustBeUnmanaged", Method, $"Static needs a prefix: {subnet.Ref} has no addressPrefix. Use Unmanaged.");
        }
        else if (!prefix.Contains(address))
        {
            configuration.Fail("PrivateIPAddressNotInSubnet", Address, $"{address} lies outside {prefix}, the prefix of {subnet.Ref}. Use an address of that prefix or another subnet.");
        }
        else if (IsReserved(subnet, prefix, address))
        {
            configuration.Fail("PrivateIPAddressInReservedRange", Address, $"{address} is kept for the network itself: {Reserved(subnet, prefix)}. Use another address of {prefix}.");
        }
    }

    private static void ValidateDynamic(RuleContext configuration, Node subnet)
    {
        configuration.Node.Properties.Remove(Address);
        if (subnet.Prefix("addressPrefix") is null)
        {
            configuration.Fail("PrivateIpAllocationMethodMustBeUnmanaged", Method, $"Dynamic needs a prefix: {subnet.Ref} has no addressPrefix. Use Unmanaged.");
        }
        else if (configuration.Existing?.Reference(Subnet) == subnet.Ref)
        {
            configuration.Carry(Address);
        }
    }

    private static void ValidateUnmanaged(RuleContext configuration, Node subnet)
    {
        string network = subnet.Ref[..subnet.Ref.LastIndexOf("/subnets/", StringComparison.Ordinal)];
        if (IsVirtual(subnet) || (configuration.Find(network) is { } carrier && LogicalNetworks.CarriesVirtualNetworks(carrier)))
        {
            configuration.Fail("UnmanagedAllocationMethodNotSupported", Method, $"Unmanaged works only on logical networks that carry no virtual networks, and {subnet.Ref} is of none. Use Static or Dynamic.");
        }
    }

    private static void CheckTags(RuleContext configuration, Node subnet)
    {
        if (!IsVirtual(subnet) && configuration.Find(configuration.Node.Reference("accessControlList")) is { } list
            && list.ChildrenOf(AccessControlLists.Rules).FirstOrDefault(UsesTag) is { } rule)
        {
            configuration.Fail("AclRuleTagsNotSupportedOnLogicalNetwork", "accessControlList", $"{list.Ref} uses a tag in {rule.Ref}, and a tag means nothing on {subnet.Ref}. Use prefixes.");
        }
    }

    private static void CheckMirror(RuleContext configuration, Node subnet)
    {
        if (IsVirtual(subnet))
        {
            ServiceInsertions.ValidateAttachment(configuration, string.Join('/', subnet.Ref.Split('/').Take(3)));
        }
        else if (configuration.Node.Reference(ServiceInsertions.Property) is { } insertion)
        {
            configuration.Fail("VirtualSubnetIsRequiredForServiceInsertion", ServiceInsertions.Property, $"is {insertion}, and {subnet.Ref} is no virtual subnet. Copies are made in virtual networks only.");
        }
    }

    private static bool UsesTag(Node rule) =>
        AccessControlLists.IsTag(rule.Text("sourceAddressPrefix") ?? "") || AccessControlLists.IsTag(rule.Text("destinationAddressPrefix") ?? "");

    private static string Reserved(Node subnet, IpPrefix prefix) => IsVirtual(subnet)
        ? $"{prefix.Address} names it, {VirtualNetworks.Gateway(prefix)} is its router{(prefix.IsIPv4 ? $", {prefix.LastAddress} its broadcast address" : "")}"
        : "its first and last address and its default gateways";

    private static void Allocate(RuleContext configuration)
    {
        if (configuration.Node.Text(Method) != "Dynamic" || configuration.Node.Text(Address) is not null)
        {
            return;
        }

        Node subnet = configuration.Find(configuration.Node.Reference(Subnet))!;
        IpPrefix prefix = subnet.Prefix("addressPrefix")!.Value;
        IEnumerable<(InetAddress First, InetAddress Last)> ranges = IsVirtual(subnet) ? [(prefix.Address, prefix.LastAddress)] : LogicalNetworks.Ranges(subnet);
        foreach ((InetAddress first, InetAddress last) in ranges)
        {
            bool found = configuration.Holdings.TryTakeLowest(
                v => ClaimKey.Of(subnet.Ref, ClaimKey.Address(v)),
                ClaimKey.Number(first),
                ClaimKey.Number(last),
                v => IsReserved(subnet, prefix, ClaimKey.Address(v)),
                configuration.Node.Ref,
                out UInt128 value);
            if (found)
            {
                configuration.Node.Properties[Address] = ClaimKey.Address(value).ToString();
                return;
            }
        }

        configuration.Fail("SubnetIsFull", Address, $"cannot be allocated: no address of {subnet.Ref} is free. Remove interfaces, or use another subnet{(IsVirtual(subnet) ? "" : " or add an ipPool")}.");
    }

    private static IEnumerable<Claim> Claims(Node configuration)
    {
        if (configuration.Address(Address) is { } address && configuration.Reference(Subnet) is { } subnet)
        {
            yield return new Claim(ClaimKey.Of(subnet, address), Address, address.ToString(), "PrivateIPAddressInUse", "Choose a free address or use Dynamic.");
        }
    }
}
