using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>learnedIPAddresses</c> (7.32): an address of a virtual subnet that moves between the machines whose ipConfigurations name it.</summary>
internal static class LearnedIPAddresses
{
    public const string Name = "learnedIPAddresses";

    /// <summary>The property of an ipConfiguration that names one, and its allocation method.</summary>
    public const string Property = "learnedIp";
    public const string Method = "Learned";

    /// <summary>The code of what is sent through a version that knows no learned addresses.</summary>
    public const string NotSupported = "LearnedIpConfigurationNotSupported";

    private const string Subnet = "virtualSubnet";
    private const string Address = "ipAddress";
    private const string SubnetMissing = "LearnedIpAddressSubnetMissing";
    private const string Invalid = "LearnedIpConfigInvalidConfiguration";

    public static ResourceType Create() => new(Name)
    {
        Since = ApiVersion.V5,
        Asynchronous = true,
        Validate = Validate,
        Claims = Claims,
        Properties = new(
        [
            new(Subnet, new ReferenceSchema(VirtualNetworks.SubnetPath) { MissingCode = SubnetMissing })
            {
                Required = true,
                RequiredCode = SubnetMissing,
                Immutable = true,
                ImmutableCode = "LearnedIpConfigModified",
                Aliases = ["subnet"],
            },
            new(Address, new AddressSchema(emptyIsAbsent: true))
            {
                Required = true,
                RequiredCode = "LearnedIpConfigPrivateIpNotSet",
                InvalidCode = "LearnedIpInvalidIpAddress",
                Immutable = true,
                ImmutableCode = "LearnedIpConfigModified",
            },
            Common.BackReferencesIn("ipConfiguration", Property, NetworkInterfaces.IpConfigurationPath),
            Common.NotEnforced("Failure", "VirtualNetwork", "PolicyConfigurationFailure", "No host learns where the address is: this release stores learned addresses and delivers nothing to them."),
        ]),
    };

    /// <summary>The address that an ipConfiguration shares; null when it has one of its own.</summary>
    public static string? AddressOf(Node configuration, Snapshot snapshot) => snapshot.Find(configuration.Reference(Property))?.Text(Address);

    /// <summary>Checks an ipConfiguration that shares a learned address.</summary>
    public static void ValidateConfiguration(RuleContext configuration)
    {
        string? learned = configuration.Node.Reference(Property);
        bool isLearned = configuration.Node.Text("privateIPAllocationMethod") == Method;
        if (configuration.Existing is { } before && before.Text("privateIPAllocationMethod") == Method != isLearned)
        {
            configuration.Fail("LearnedIpConfigModified", Property, "cannot be added to an ipConfiguration or taken from it. Make another ipConfiguration.");
        }

        if (!isLearned && learned is null)
        {
            return;
        }

        if (isLearned && configuration.Existing is null && configuration.Version.CompareTo(ApiVersion.V5) < 0)
        {
            configuration.Fail(NotSupported, "privateIPAllocationMethod", $"{Method} came with {ApiVersion.V5}. Use that version of the URI.");
        }

        if (isLearned != learned is not null || (configuration.Find(learned) is { } found && !SameSubnet(found, configuration.Node)))
        {
            configuration.Fail(Invalid, Property, $"goes with the allocation method {Method} and with the {IpConfigurations.Subnet} of the {Name} it names.");
        }

        if ((bool?)configuration.Node.Properties["isPrimary"] == true)
        {
            configuration.Fail("LearnedIpConfigCannotBePrimary", "isPrimary", "is true, and a learned address is never the primary one.");
        }

        if (configuration.Node.References(LoadBalancers.PoolsProperty).Any() || configuration.Node.References(LoadBalancers.NatRulesProperty).Any()
            || configuration.Node.Reference("publicIPAddress") is not null)
        {
            configuration.Fail("LearnedIpConfigCannotBeLoadbalancedOrHavePublicIP", Property, "excludes load balancing and a public address. Use an address of its own for these.");
        }
    }

    /// <summary>Checks the learned addresses of an interface together.</summary>
    public static void ValidateInterface(RuleContext nic)
    {
        Node[] learned = [.. nic.Node.ChildrenOf(IpConfigurations.Name).Where(c => c.Text("privateIPAllocationMethod") == Method)];
        if (learned.Length > 1)
        {
            nic.Fail("SingleLearnedIpPerNic", IpConfigurations.Name, $"{learned[0].Ref} and {learned[1].Ref} are both learned. An interface has one learned address at most.");
        }
        else if (learned.Length == 1 && nic.Node.ChildrenOf(IpConfigurations.Name).Length == 1)
        {
            nic.Fail("LearnedIpConfigMissingPrimary", IpConfigurations.Name, "has a learned address only. An interface has an address of its own beside it.");
        }
    }

    private static bool SameSubnet(Node learned, Node configuration) =>
        string.Equals(learned.Reference(Subnet), configuration.Reference(IpConfigurations.Subnet), StringComparison.OrdinalIgnoreCase);

    private static void Validate(RuleContext learned)
    {
        if (learned.Node.Address(Address) is not { } address)
        {
            if (!learned.Errors.Any)
            {
                learned.Fail("LearnedIpConfigPrivateIpNotSet", Address, "is missing. Send the address that moves.");
            }

            return;
        }

        if (!address.IsIPv4)
        {
            learned.Fail("LearnedIpInvalidIpAddress", Address, $"{address} is no IPv4 address. Only these are learned.");
        }
        else if (learned.Find(learned.Node.Reference(Subnet))?.Prefix("addressPrefix") is { } prefix)
        {
            if (!prefix.Contains(address))
            {
                learned.Fail("LearnedIpNotPartofSubnet", Address, $"{address} lies outside {prefix}, the prefix of {learned.Node.Reference(Subnet)}.");
            }
            else if (VirtualNetworks.IsReserved(prefix, address))
            {
                learned.Fail("PrivateIPAddressInReservedRange", Address, $"{address} is kept for the network itself. Use another address of {prefix}.");
            }
        }
    }

    private static IEnumerable<Claim> Claims(Node learned)
    {
        if (learned.Reference(Subnet) is { } subnet && learned.Address(Address) is { } address)
        {
            yield return new Claim(ClaimKey.Of(subnet, address), Address, address.ToString(), "PrivateIPAddressInUse", "Choose a free address.");
        }
    }
}
