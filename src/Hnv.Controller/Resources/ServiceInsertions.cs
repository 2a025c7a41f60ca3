using System.Collections.Immutable;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>serviceInsertions</c> (7.16) of type PortMirror: copies of what interfaces send and receive, for an appliance in their network.</summary>
internal static class ServiceInsertions
{
    public const string Name = "serviceInsertions";

    /// <summary>The property of a virtual subnet and of an ipConfiguration that attaches one.</summary>
    public const string Property = "serviceInsertion";

    private const string Rules = "serviceInsertionRules";
    private const string Elements = "serviceInsertionElements";
    private const string ElementPath = "serviceInsertions/serviceInsertionElements";
    private const string Priority = "priority";
    private const string Appliance = "networkInterface";
    private const string Unsupported = "ServiceInsertionElementWithUnsupportedNetworkInterface";
    private const int PortMax = ushort.MaxValue;

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        InUseCode = "InUseServiceInsertionCannotBeDeleted",
        Validate = Validate,
        Claims = Claims,
        Properties = new(
        [
            new("type", new EnumSchema("PortMirror")) { Default = "PortMirror" },
            new(Priority, new IntegerSchema(0, int.MaxValue)) { Required = true },
            Common.BackReference("ipConfigurations", NetworkInterfaces.IpConfigurationPath),
            Common.BackReference("subnets", VirtualNetworks.SubnetPath),
        ]),
        Children =
        [
            new ResourceType(Rules)
            {
                Addressable = false,
                Alias = "rules",
                Asynchronous = true,
                Validate = ValidateRule,
                Properties = new(
                [
                    new("description", new TextSchema()),
                    new("protocol", new EnumSchema("All", "Tcp", "Udp", "Http")) { Required = true },
                    Port("source", "Start") with { Required = true },
                    Port("source", "End"),
                    Port("destination", "Start") with { Required = true },
                    Port("destination", "End"),
                    Subnets("source"),
                    Subnets("destination"),
                ]),
            },
            new ResourceType(Elements)
            {
                Addressable = false,
                Asynchronous = true,
                Validate = ValidateElement,
                Properties = new(
                [
                    new("name", new TextSchema()),
                    new("description", new TextSchema()),
                    new("order", new IntegerSchema(0, int.MaxValue)) { Required = true },
                    new(Appliance, new ReferenceSchema(NetworkInterfaces.Name) { MissingCode = "InvalidNetworkInterfaceReference" }) { Required = true },
                ]),
            },
        ],
    };

    /// <summary>The elements that an interface is the appliance of.</summary>
    public static Property BackReference() => Common.BackReference(Elements, ElementPath);

    /// <summary>Where the copies go: resourceRef of an interface.</summary>
    public static string? ApplianceOf(Node insertion) => insertion.ChildrenOf(Elements).FirstOrDefault()?.Reference(Appliance);

    /// <summary>The rules of an insertion, all leading to one appliance.</summary>
    public static IEnumerable<MirrorRule> Plan(Node insertion, TenantEndpoint appliance) =>
        insertion.ChildrenOf(Rules).Select(rule => new MirrorRule(
            rule.InstanceId.ToString("D"),
            (int)(long)insertion.Properties[Priority]!,
            rule.Text("protocol") switch
            {
                "Tcp" or "Http" => (byte)6,
                "Udp" => (byte)17,
                _ => null,
            },
            Prefixes(rule, "source"),
            Prefixes(rule, "destination"),
            Ports(rule, "source"),
            Ports(rule, "destination"),
            appliance));

    /// <summary>Checks that the appliance of an insertion is in the virtual network it is attached in: copies stay with their tenant.</summary>
    /// <param name="user">The subnet or ipConfiguration.</param>
    /// <param name="network">Its network's reference.</param>
    public static void ValidateAttachment(RuleContext user, string network)
    {
        if (user.Find(user.Node.Reference(Property)) is { } insertion && NetworkOfAppliance(insertion, user.Find) is { } other && other != Node.KeyOf(network))
        {
            user.Fail(Unsupported, Property, $"{insertion.Ref} copies to {ApplianceOf(insertion)} in {other}, and {user.Node.Ref} is in {network}. Use an appliance of the same network.");
        }
    }

    private static Property Port(string side, string end) =>
        new($"{side}PortRange{end}", new IntegerSchema(0, PortMax)) { Aliases = [$"{side}Port{end}"] };

    private static Property Subnets(string side) => new($"{side}Subnets", new ListSchema(new TextSchema())) { Required = true, InvalidCode = ErrorCodes.InvalidIPPrefix };

    private static string? NetworkOfAppliance(Node insertion, Func<string?, Node?> find) =>
        find(find(ApplianceOf(insertion))?.ChildrenOf(IpConfigurations.Name).FirstOrDefault()?.Reference(IpConfigurations.Subnet)) is { } subnet
            ? Node.KeyOf(string.Join('/', subnet.Ref.Split('/').Take(3)))
            : null;

    private static void Validate(RuleContext insertion)
    {
        if (insertion.Node.ChildrenOf(Elements).Length is not 1 and int count)
        {
            insertion.Fail(ErrorCodes.InvalidParameterValue, Elements, $"are {count}. A PortMirror has exactly one, its appliance.");
        }

        if (insertion.Existing is not { } before || NetworkOfAppliance(insertion.Node, insertion.Before.Find) is not { } network)
        {
            return;
        }

        foreach (Holder user in insertion.Before.HoldersOf(before))
        {
            string? at = user.Path == VirtualNetworks.SubnetPath ? user.Ref : insertion.Before.Find(user.Ref)?.Reference(IpConfigurations.Subnet);
            if (at is not null && Node.KeyOf(string.Join('/', at.Split('/').Take(3))) != network)
            {
                insertion.Fail(Unsupported, Elements, $"copy to {ApplianceOf(insertion.Node)} in {network}, but {user.Ref} uses this insertion in another network. Use an appliance of that network.");
            }
        }
    }

    private static void ValidateRule(RuleContext rule)
    {
        foreach (string side in new[] { "source", "destination" })
        {
            long start = (long?)rule.Node.Properties[$"{side}PortRangeStart"] ?? 0;
            if ((long?)rule.Node.Properties[$"{side}PortRangeEnd"] is { } end && end < start && end != 0)
            {
                rule.Fail(ErrorCodes.InvalidParameterValue, $"{side}PortRangeEnd", $"{end} comes before {side}PortRangeStart {start}. Leave it out for a single port.");
            }

            foreach (string text in rule.Node.Texts($"{side}Subnets").Where(text => text != "*" && !AccessControlLists.TryParsePrefix(text, out _)))
            {
                rule.Fail(ErrorCodes.InvalidIPPrefix, $"{side}Subnets", $"'{text}' is not acceptable. Send a prefix as 10.1.1.0/24 without host bits, an address or *.");
            }
        }
    }

    private static void ValidateElement(RuleContext element)
    {
        if (element.Find(element.Node.Reference(Appliance)) is { } nic && NetworkOfAppliance(element.Root, element.Before.Find)?.StartsWith($"/{Node.KeyOf(VirtualNetworks.Name)}/", StringComparison.Ordinal) != true)
        {
            element.Fail(Unsupported, Appliance, $"points at {nic.Ref}, which is in no virtual subnet. An appliance has an address in a virtual network.");
        }
    }

    private static ImmutableArray<PortRange> Ports(Node rule, string side)
    {
        var start = (ushort)((long?)rule.Properties[$"{side}PortRangeStart"] ?? 0);
        var end = (ushort)((long?)rule.Properties[$"{side}PortRangeEnd"] ?? 0);
        PortRange range = start == 0 && end == 0 ? PortRange.All : new PortRange(start, Math.Max(start, end));
        return range == PortRange.All ? [] : [range];
    }

    private static ImmutableArray<IpPrefix> Prefixes(Node rule, string side)
    {
        string[] texts = [.. rule.Texts($"{side}Subnets")];
        return texts.Contains("*") ? [] : [.. texts.Select(text => AccessControlLists.TryParsePrefix(text, out IpPrefix prefix) ? prefix : throw new FormatException($"{side}Subnets '{text}' is no prefix."))];
    }

    private static IEnumerable<Claim> Claims(Node insertion)
    {
        if ((long?)insertion.Properties[Priority] is { } priority)
        {
            yield return new Claim(
                ClaimKey.OfOwner(ClaimKind.ServiceInsertionPriority, Visibility.OwnerOf(insertion), (UInt128)priority), Priority, priority.ToString(System.Globalization.CultureInfo.InvariantCulture),
                ErrorCodes.InvalidParameterValue, "Each service insertion of one owner has a priority of its own.");
        }
    }
}
