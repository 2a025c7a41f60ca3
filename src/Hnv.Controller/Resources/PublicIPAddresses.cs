using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>publicIPAddresses</c> (7.14). A Dynamic one comes from the VIP pools of public logical subnets and, without such, from any VIP pool.</summary>
internal static class PublicIPAddresses
{
    public const string Name = "publicIPAddresses";

    private const string Address = "ipAddress";
    private const string Method = "publicIPAllocationMethod";
    private const string Version = "publicIPAddressVersion";
    private const string DnsSettings = "dnsSettings";
    private const string Label = "domainNameLabel";
    private const string InUse = "PublicIPAddressInUse";
    private const int LabelMax = 63;

    // Kept beside the properties: the logical subnet the address is of; absent for one that no subnet of ours has.
    private const string Subnet = "addressSubnet";
    private const string NoSubnet = "/publicIPAddresses";

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        InUseCode = InUse,
        Validate = Validate,
        Allocate = Allocate,
        Claims = Claims,
        Properties = new(
        [
            new(Method, new EnumSchema("Static", "Dynamic")) { Default = "Dynamic" },
            new(Address, new AddressSchema(emptyIsAbsent: true)) { InvalidCode = ErrorCodes.InvalidIPAddress, Filled = true, AllocationMethod = Method },
            new(Version, new EnumSchema("IPv4", "IPv6")) { Since = ApiVersion.V2, Default = "IPv4", Immutable = true, ImmutableCode = "PublicIPAddressVersionCannotUpdate" },

            // The text says 4 to 30; schema and samples use 1 (contradiction 29).
            new("idleTimeoutInMinutes", new IntegerSchema(1, 30)) { Default = 4L, InvalidCode = "PublicIPIdleTimeoutIsOutOfRange" },
            new(DnsSettings, new StructSchema(
                new(Label, new TextSchema()) { InvalidCode = "InvalidDomainNameLabel" },
                new("fqdn", new TextSchema(lengthMax: 255)))),
            Common.SingleBackReference("ipConfiguration", NetworkInterfaces.IpConfigurationPath, LoadBalancerFrontends.Path, GatewayPools.Name),
            LoadBalancerMuxes.VipState() with { Since = ApiVersion.V2 },
            Common.Constant("counters", new JsonArray()) with { Since = ApiVersion.V2 },
        ]),
    };

    /// <summary>Checks that nobody else has the public address that a resource refers to.</summary>
    public static void ValidateUse(RuleContext user, string property)
    {
        if (user.Find(user.Node.Reference(property)) is { } address
            && user.Before.HoldersOf(address).FirstOrDefault(h => Node.KeyOf(h.Ref) != user.Node.Key) is { Ref: { } other })
        {
            user.Fail(InUse, property, $"names {address.Ref}, which {other} has. Use another public address.");
        }
    }

    /// <summary>Addresses that come from a logical subnet.</summary>
    public static IEnumerable<InetAddress> Of(string subnet, Snapshot snapshot) =>
        from node in snapshot.All(Name)
        where string.Equals(node.Text(Subnet), subnet, StringComparison.OrdinalIgnoreCase)
        let address = node.Address(Address)
        where address is not null
        select address.Value;

    private static void Validate(RuleContext ip)
    {
        if (ip.Existing is { } before && ip.Before.HoldersOf(before) is { IsEmpty: false } holders
            && (before.Text(Method) != ip.Node.Text(Method) || (ip.Node.Text(Method) == "Static" && before.Text(Address) != ip.Node.Text(Address))))
        {
            ip.Fail("PublicIPAddressInUseCannotUpdate", Address, $"and {Method} cannot change while {holders[0].Ref} uses the address. Take it away there first.");
            return;
        }

        CheckDns(ip);
        if (ip.Node.Text(Method) == "Dynamic")
        {
            // What a client sends here is what it read.
            ip.Node.Properties.Remove(Address);
            if (ip.Existing?.Text(Method) == "Dynamic")
            {
                ip.Carry(Address, Subnet);
            }

            return;
        }

        if (ip.Node.Address(Address) is not { } address)
        {
            if (!ip.Errors.Any)
            {
                ip.Fail("PublicIPAddressMissing", Address, "is missing. A Static address is given; use Dynamic to be given one.");
            }

            return;
        }

        if (address.IsIPv4 != (ip.Node.Text(Version) != "IPv6"))
        {
            ip.Fail(ErrorCodes.InvalidIPAddress, Address, $"{address} is not of the family that {Version} {ip.Node.Text(Version)} says.");
        }

        if (LogicalNetworks.AllSubnets(ip.Before).FirstOrDefault(s => s.Prefix("addressPrefix")?.Contains(address) == true) is { } subnet)
        {
            ip.Node.Properties[Subnet] = subnet.Ref;
        }
    }

    private static void CheckDns(RuleContext ip)
    {
        if (ip.Node.Properties[DnsSettings] is not JsonObject settings)
        {
            return;
        }

        string label = (string?)settings[Label] ?? "";
        if (label.Length == 0)
        {
            ip.Fail("DomainNameLabelCannotBeNullOrEmpty", $"{DnsSettings}.{Label}", $"is missing. Send a label, or leave {DnsSettings} out.");
        }
        else if (label.Length > LabelMax || !char.IsAsciiLetter(label[0]) || label[^1] == '-' || !label.All(c => char.IsAsciiLetterOrDigit(c) || c == '-'))
        {
            ip.Fail("InvalidDomainNameLabel", $"{DnsSettings}.{Label}", $"'{label}' is no label. Use up to {LabelMax} letters, digits and inner dashes, a letter first.");
        }
    }

    private static void Allocate(RuleContext ip)
    {
        if (ip.Node.Text(Address) is not null)
        {
            return;
        }

        bool isIPv4 = ip.Node.Text(Version) != "IPv6";
        foreach (Node pool in LoadBalancerManager.VipPools(ip.Before).OrderBy(pool => IsPublic(pool, ip.Before) ? 0 : 1))
        {
            if (ip.Before.Find(LogicalNetworks.SubnetOf(pool)) is not { } subnet || subnet.Prefix("addressPrefix") is not { } prefix || prefix.IsIPv4 != isIPv4)
            {
                continue;
            }

            bool found = ip.Holdings.TryTakeNext(
                v => ClaimKey.Of(subnet.Ref, ClaimKey.Address(v)),
                ClaimKey.Number(pool.Address(LogicalNetworks.PoolStart)!.Value),
                ClaimKey.Number(pool.Address(LogicalNetworks.PoolEnd)!.Value),
                v => LogicalNetworks.IsReserved(subnet, prefix, ClaimKey.Address(v)),
                ip.Node.Ref,
                out UInt128 value);
            if (found)
            {
                ip.Node.Properties[Address] = ClaimKey.Address(value).ToString();
                ip.Node.Properties[Subnet] = subnet.Ref;
                return;
            }
        }

        ip.Fail("SubnetIsFull", Address, $"cannot be allocated: no {(isIPv4 ? "IPv4" : "IPv6")} pool in vipIpPools of {LoadBalancerManager.Ref} has a free address. Add a pool there, or use Static.");
    }

    private static bool IsPublic(Node pool, Snapshot snapshot) => (bool?)snapshot.Find(LogicalNetworks.SubnetOf(pool))?.Properties["isPublic"] == true;

    private static IEnumerable<Claim> Claims(Node ip)
    {
        if (ip.Address(Address) is { } address)
        {
            yield return new Claim(ClaimKey.Of(ip.Text(Subnet) ?? NoSubnet, address), Address, address.ToString(), InUse, "Choose a free address or use Dynamic.");
        }

        if ((string?)ip.Properties[DnsSettings]?[Label] is { Length: > 0 } label)
        {
            yield return new Claim(ClaimKey.OfName(ClaimKind.DnsLabel, label), $"{DnsSettings}.{Label}", label, "DnsRecordInUse", "Choose another one.");
        }
    }
}
