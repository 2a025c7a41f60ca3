using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>networkInterfaces</c> (7.11). The instanceId is what a port on a host names.</summary>
/// <remarks>
/// Extensions: <c>allowedAddressPrefixes</c> lets the guest also send from these, and <c>placement</c> puts the interface on a server that is only a tunnel endpoint (<c>unmanagedVtep</c>): nobody attaches
/// a port there, so nobody else can tell where it is.
/// </remarks>
internal static class NetworkInterfaces
{
    public const string Name = "networkInterfaces";
    public const string IpConfigurationPath = "networkInterfaces/ipConfigurations";
    public const string Placement = "placement";
    public const string AllowedAddressPrefixes = "allowedAddressPrefixes";

    private const string Method = "privateMacAllocationMethod";
    private const string Mac = "privateMacAddress";
    private const string InvalidMac = "InvalidPrivateMacAddress";
    private const string IsHost = "isHostVirtualNetworkInterface";
    private const string IsPrimary = "isPrimary";
    private const string DnsNameLabel = "internalDnsNameLabel";
    private const string DnsSettings = "dnsSettings";
    private const int AllowedAddressPrefixesMax = 256;

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        InUseCode = "NicInUse",
        Validate = Validate,
        Allocate = AllocateMac,
        Claims = Claims,
        Properties = new(
        [
            new(Method, new EnumSchema("Static", "Dynamic")) { Required = true, Immutable = true, ImmutableCode = "PrivateMacAllocationMethodCannotBeUpdated" },
            new(Mac, new MacSchema(dashes: false)) { InvalidCode = InvalidMac, Filled = true, AllocationMethod = Method },
            new(IsHost, new BooleanSchema()) { Default = false, Immutable = true, ImmutableCode = "IsHostVirtualNetworkInterfaceCannotBeUpdated" },
            new(IsPrimary, new BooleanSchema()) { Default = true, Immutable = true, ImmutableCode = "PrimaryNicPropertyCannotBeUpdated" },
            new("isMultitenantStack", new BooleanSchema()) { Default = false, Immutable = true },
            new(DnsNameLabel, new TextSchema(lengthMax: 63)),
            new(DnsSettings, new StructSchema(new Property("DnsServers", new ListSchema(new AddressSchema(), countMax: VirtualNetworks.DnsServersMax)) { InvalidCode = ErrorCodes.InvalidIPAddress })),
            new("portSettings", PortSettings()),
            new(AllowedAddressPrefixes, new ListSchema(new PrefixSchema(), countMax: AllowedAddressPrefixesMax)) { InvalidCode = ErrorCodes.InvalidIPPrefix },
            SecurityTags.References(),
            new(Placement, new ReferenceSchema(Servers.Name)),
            new("server", new ReferenceSchema(Servers.Name))
            {
                Access = Access.ReadOnly,
                Compute = (nic, view) => (view.Live?.ServerOf(nic) ?? nic.Reference(Placement)) is { } server ? new JsonObject { [ReferenceSchema.Member] = server } : null,
            },
            ServiceInsertions.BackReference(),
            Common.ConfigurationState(),

            // The v2 schema requires the member, also while there is nothing to say.
            new("counters", new DerivedSchema(DerivedSchema.List)) { Access = Access.ReadOnly, Since = ApiVersion.V2, Compute = (nic, view) => Counters.OfInterface(view.Live?.CountersOf(nic)) },
        ]),
        Children = [IpConfigurations.Create()],
    };

    /// <summary>True when an interface has a limit or a reservation.</summary>
    public static bool AsksForQos(Node nic) => PortQosSettings.Asks(nic.Properties["portSettings"]?[PortQosSettings.Name]);

    private static StructSchema PortSettings()
    {
        var onOff = new EnumSchema("Enabled", "Disabled") { Synonyms = { ["true"] = "Enabled", ["false"] = "Disabled" } };
        return new StructSchema(
            new("macSpoofingEnabled", onOff) { Default = "Disabled", Aliases = ["macSpoofing"] },
            new("arpGuardEnabled", onOff) { Default = "Disabled", Aliases = ["arpGuard"] },
            new("dhcpGuardEnabled", onOff) { Default = "Disabled", Aliases = ["dhcpGuard"] },
            new("stormLimit", new IntegerSchema(0, int.MaxValue)) { Default = 0L },
            new("portFlowLimit", new IntegerSchema(0, int.MaxValue)) { Default = 0L },
            new("vmqWeight", new IntegerSchema(0, 100)) { Default = 100L },
            new("iovWeight", new IntegerSchema(0, 100)) { Default = 0L },
            new("iovInterruptModeration", new EnumSchema("Default", "Adaptive", "Off", "On", "Low", "Medium", "High")) { Default = "Off" },
            new("iovQueuePairsRequested", new IntegerSchema(0, uint.MaxValue)) { Default = 0L },
            PortQosSettings.Create());
    }

    private static void Validate(RuleContext nic)
    {
        bool isStatic = nic.Node.Text(Method) == "Static";
        if (nic.Node.Text(Method) == "Dynamic")
        {
            // What a client sends here is what it read, and no more than that.
            nic.Node.Properties.Remove(Mac);
            nic.Carry(Mac);
        }
        else if (isStatic && nic.Node.Text(Mac) is null)
        {
            nic.Fail("PrivateMacAddressMissing", Mac, "is missing. A Static interface brings its own; use Dynamic to be given one.");
        }
        else if (MacAddress.TryParse(nic.Node.Text(Mac), out MacAddress mac) && (mac.IsMulticast || mac.Value == 0))
        {
            nic.Fail(InvalidMac, Mac, $"{mac} is a group address or zero. The second hex digit of an adapter's address is even.");
        }

        if ((bool?)nic.Node.Properties[IsHost] == true
            && nic.Node.ChildrenOf(IpConfigurations.Name).FirstOrDefault(c => nic.Find(c.Reference(IpConfigurations.Subnet))?.Type.Path == VirtualNetworks.SubnetPath) is { } tenant)
        {
            nic.Fail("HostVirtualNetworkInterfaceCannotConnectToVirtualNetwork", IsHost, $"is true, and {tenant.Ref} is in a virtual network. An interface of the host itself is on logical networks.");
        }

        LearnedIPAddresses.ValidateInterface(nic);
        PortQosSettings.Validate(nic, nic.Node.Properties["portSettings"]?[PortQosSettings.Name]);
        if ((bool?)nic.Node.Properties[IsPrimary] == false && (nic.Node.Text(DnsNameLabel) ?? nic.Node.Properties[DnsSettings]?.ToJsonString()) is not null)
        {
            nic.Fail("OnlyPrimaryNetworkInterfaceCanHaveDnsSettings", DnsSettings, $"and {DnsNameLabel} belong to the primary interface of a machine, and this one has {IsPrimary} false.");
        }

        if (nic.Find(nic.Node.Reference(Placement)) is { } server && server.Properties[Servers.UnmanagedVtep] is null)
        {
            nic.Fail(ErrorCodes.InvalidParameterValue, Placement, $"points at {server.Ref}, which has a host agent. Attach the port on that host; placement is for servers with {Servers.UnmanagedVtep}.");
        }

        string[] subnets = [.. nic.Node.ChildrenOf(IpConfigurations.Name).Select(c => c.Reference("subnet")).OfType<string>().Distinct(StringComparer.OrdinalIgnoreCase)];
        if (subnets.Length > 2 || (subnets.Length == 2 && nic.Find(subnets[0])?.Reference(DualStackSubnets.Property) != nic.Find(subnets[1])?.Ref))
        {
            nic.Fail(ErrorCodes.InvalidParameterValue, IpConfigurations.Name, $"lie in {subnets[0]} and {subnets[1]}. One port is in one subnet, or in a pair of them ({DualStackSubnets.Property}); use one interface for each.");
        }
    }

    private static void AllocateMac(RuleContext nic)
    {
        if (nic.Node.Text(Mac) is not null)
        {
            return;
        }

        if (MacPools.Allocate(nic, nic.Node.Ref) is { } mac)
        {
            nic.Node.Properties[Mac] = MacSchema.Format(mac, dashes: false);
        }
        else
        {
            nic.Errors.Add(new PolicyError(
                "PrivateMacAddressMissing",
                nic.Node.Ref,
                $"{nic.Node.Ref}: {Mac} cannot be allocated, there is no macPool with a free address. PUT /macPools/NAME with startMacAddress and endMacAddress first.",
                StatusCodes.Status409Conflict));
        }
    }

    private static IEnumerable<Claim> Claims(Node nic)
    {
        if (MacAddress.TryParse(nic.Text(Mac), out MacAddress mac))
        {
            yield return new Claim(ClaimKey.Of(mac), Mac, mac.ToString(), InvalidMac, "A MAC belongs to one adapter; choose another one or use Dynamic.");
        }
    }
}
