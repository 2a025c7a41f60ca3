using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>loadBalancers/frontendIPConfigurations</c> (7.5): one VIP, from a public address, a logical subnet or a virtual subnet.</summary>
internal static class LoadBalancerFrontends
{
    public const string Name = "frontendIPConfigurations";
    public const string Path = "loadBalancers/frontendIPConfigurations";

    private const string Public = "publicIPAddress";
    private const string Address = "privateIPAddress";
    private const string Method = "privateIPAllocationMethod";
    private const string Subnet = "subnet";

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        InUseCode = "InUseFrontendIpConfigurationCannotBeDeleted",
        Validate = Validate,
        Claims = Claims,
        Properties = new(
        [
            new(Public, new ReferenceSchema(PublicIPAddresses.Name)),
            new(Address, new AddressSchema(emptyIsAbsent: true)) { InvalidCode = "InvalidPrivateIPAddressFormat" },
            new(Method, new EnumSchema("Static", "Dynamic")) { Filled = true },
            new(Subnet, new ReferenceSchema(LogicalNetworks.SubnetPath, VirtualNetworks.SubnetPath)),
            Common.BackReference(LoadBalancerRules.Balancing, LoadBalancerRules.BalancingPath),
            Common.BackReference(LoadBalancerRules.InboundNat, LoadBalancerRules.InboundNatPath),
            Common.BackReference(LoadBalancerRules.OutboundNat, LoadBalancerRules.OutboundNatPath),
            LoadBalancerMuxes.VipState() with { Since = ApiVersion.V2 },
            Common.Constant("counters", new JsonArray()) with { Since = ApiVersion.V2 },
        ]),
    };

    /// <summary>True when the VIP is an address of a tenant's own network.</summary>
    public static bool IsInternal(Node frontend) =>
        frontend.Reference(Subnet)?.StartsWith($"/{VirtualNetworks.Name}/", StringComparison.OrdinalIgnoreCase) == true;

    private static void Validate(RuleContext frontend)
    {
        string? subnet = frontend.Node.Reference(Subnet);
        string? address = frontend.Node.Reference(Public);
        if (frontend.Existing is { } before && IsInternal(before) != IsInternal(frontend.Node))
        {
            frontend.Fail("IpConfigCannotChangeFromInternalToPublicViceVersa", Subnet, "cannot change between a virtual network and a logical network or public address. Make another front end.");
        }

        if (subnet is null && address is null)
        {
            frontend.Fail("FrontendIPConfigHasNoSubnetOrPublicIP", Subnet, $"and {Public} are missing. Send {Public}, or {Subnet} with {Address}.");
        }
        else if (subnet is not null && address is not null)
        {
            frontend.Fail("FrontendIPConfigHasBothSubnetAndPublicIP", Subnet, $"and {Public} exclude each other. Send one of them.");
        }
        else if (subnet is null)
        {
            ValidatePublic(frontend);
        }
        else if (frontend.Find(subnet) is { } found)
        {
            ValidatePrivate(frontend, found);
        }
    }

    private static void ValidatePublic(RuleContext frontend)
    {
        if (frontend.Node.Text(Address) is { } address)
        {
            frontend.Fail("FrontendPrivateIPAddressIsNotNull", Address, $"{address} belongs to a {Subnet}, and there is none. Leave it out, or send {Subnet} instead of {Public}.");
        }

        if ((frontend.Node.Text(Method) ?? "Dynamic") != "Dynamic")
        {
            frontend.Fail("FrontendPrivateIPAllocationMethodIsNotDynamic", Method, $"Static needs a {Subnet}. With {Public} it is Dynamic.");
        }

        frontend.Node.Properties[Method] = "Dynamic";
        PublicIPAddresses.ValidateUse(frontend, Public);
    }

    private static void ValidatePrivate(RuleContext frontend, Node subnet)
    {
        if ((frontend.Node.Text(Method) ?? "Static") != "Static")
        {
            frontend.Fail("FrontendPrivateIpAllocationMethodIsNotStatic", Method, $"Dynamic is for front ends with {Public}. With {Subnet} it is Static.");
        }

        frontend.Node.Properties[Method] = "Static";
        if (subnet.Reference(ServiceInsertions.Property) is not null)
        {
            frontend.Fail("FrontendIPConfigDoesNotSupportServiceInsertion", Subnet, $"{subnet.Ref} has a service insertion. Use another subnet.");
        }

        if (subnet.Prefix("addressPrefix") is not { } prefix)
        {
            frontend.Fail("FrontendIpConfigSubnetNoAddrPrefix", Subnet, $"{subnet.Ref} has no addressPrefix. Set it, or use another subnet.");
        }
        else if (frontend.Node.Address(Address) is not { } address)
        {
            if (!frontend.Errors.Any)
            {
                frontend.Fail("PrivateIPAddressMissing", Address, $"is missing. A front end in a {Subnet} brings its address.");
            }
        }
        else if (!prefix.Contains(address))
        {
            frontend.Fail("PrivateIPAddressNotInSubnet", Address, $"{address} lies outside {prefix}, the prefix of {subnet.Ref}.");
        }
        else if (IsInternal(frontend.Node) ? VirtualNetworks.IsReserved(prefix, address) : LogicalNetworks.IsReserved(subnet, prefix, address))
        {
            frontend.Fail("PrivateIPAddressInReservedRange", Address, $"{address} is kept for the network itself. Use another address of {prefix}.");
        }
        else if (!IsInternal(frontend.Node) && !LoadBalancerManager.IsInVipPool(frontend.Before, subnet, address))
        {
            frontend.Fail("FrontEndIpNotInVipPool", Address, $"{address} lies in no ipPool of {subnet.Ref} that {LoadBalancerManager.Ref} names in vipIpPools. Use an address of such a pool.");
        }
    }

    private static IEnumerable<Claim> Claims(Node frontend)
    {
        if (frontend.Reference(Subnet) is { } subnet && frontend.Address(Address) is { } address)
        {
            yield return new Claim(ClaimKey.Of(subnet, address), Address, address.ToString(), "PrivateIPAddressInUse", "Choose a free address.");
        }
    }
}
