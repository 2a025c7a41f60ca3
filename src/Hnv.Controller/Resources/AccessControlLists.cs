using Hnv.Controller.Engine;
using Hnv.Controller.Schema;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>accessControlLists</c> and <c>aclRules</c> (7.1).</summary>
internal static class AccessControlLists
{
    public const string Name = "accessControlLists";
    public const string Rules = "aclRules";
    public const string RulePath = "accessControlLists/aclRules";
    public const string SourceTags = "sourceSecurityTags";
    public const string DestinationTags = "destinationSecurityTags";

    /// <summary>The space of the machine's own virtual network.</summary>
    public const string VirtualNetworkTag = "VIRTUALNETWORK";

    /// <summary>Everything outside it.</summary>
    public const string InternetTag = "INTERNET";

    /// <summary>Where load balancers ask from whether a machine is alive. There are none yet, so it is nobody's address.</summary>
    public const string LoadBalancerTag = "AZURELOADBALANCER";

    // 1-99 and 65001-65535 belong to the platform; the text says 100 does too, but its own examples use it.
    private const int PriorityMin = 100;
    private const int PriorityMax = 65000;

    private static readonly string[] s_noSynonyms = ["Permit", "Deny"];

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        InUseCode = "InUseAccessControlListCannotBeDeleted",
        Validate = Validate,
        Properties = new(
        [
            DefaultAction("inboundDefaultAction"),
            DefaultAction("outboundDefaultAction"),
            Common.BackReference("ipConfigurations", "networkInterfaces/ipConfigurations"),
            Common.BackReference("subnets", "virtualNetworks/subnets", "logicalNetworks/subnets"),
            SecurityTags.References(),
            Common.ConfigurationState(),
        ]),
        Children =
        [
            new ResourceType(Rules)
            {
                Asynchronous = true,
                Validate = ValidateRule,
                Properties = new(
                [
                    new("type", new EnumSchema("Inbound", "Outbound")) { Required = true, InvalidCode = "InvalidAclRuleType" },
                    new("action", new EnumSchema("Allow", "Deny") { Synonyms = { ["Permit"] = "Allow" } }) { Required = true, InvalidCode = "InvalidAclRuleAction" },
                    new("protocol", new EnumSchema("TCP", "UDP", "HTTP", "ICMPv4", "ICMPv6", "All")) { Required = true, InvalidCode = "InvalidAclRuleProtocol" },
                    new("priority", new IntegerSchema(PriorityMin, PriorityMax, asString: true)) { Required = true, InvalidCode = "InvalidAclRulePriority" },
                    new("sourceAddressPrefix", new TextSchema()),
                    new("destinationAddressPrefix", new TextSchema()),
                    Tags(SourceTags),
                    Tags(DestinationTags),
                    new("sourcePortRange", new TextSchema()) { Required = true, RequiredCode = "AclRuleNullOrEmptySourcePortRange" },
                    new("destinationPortRange", new TextSchema()) { Required = true, RequiredCode = "AclRuleNullOrEmptyDestinationPortRange" },
                    new("logging", new EnumSchema("Enabled", "Disabled")) { Default = "Enabled" },
                    new("description", new TextSchema()),
                ]),
            },
        ],
    };

    /// <summary>Reads <c>80</c>, <c>1024-2048</c> or <c>*</c>.</summary>
    public static bool TryParsePorts(string text, out PortRange range)
    {
        range = PortRange.All;
        if (text == "*")
        {
            return true;
        }

        string[] ends = text.Split('-', 2, StringSplitOptions.TrimEntries);
        if (!ushort.TryParse(ends[0], out ushort first) || !ushort.TryParse(ends[^1], out ushort last) || first > last)
        {
            return false;
        }

        range = new PortRange(first, last);
        return true;
    }

    /// <summary>Reads a prefix, or an address as a prefix of its own.</summary>
    public static bool TryParsePrefix(string text, out IpPrefix prefix)
    {
        if (InetAddress.TryParse(text, out InetAddress address))
        {
            prefix = IpPrefix.Create(address, address.IsIPv4 ? 32 : 128);
            return true;
        }

        return IpPrefix.TryParse(text, out prefix);
    }

    /// <summary>True for a word that stands for addresses.</summary>
    public static bool IsTag(string text) => text is VirtualNetworkTag or InternetTag or LoadBalancerTag;

    private static Property DefaultAction(string name) =>
        new(name, new EnumSchema(s_noSynonyms) { Synonyms = { ["Allow"] = "Permit" } }) { Default = "Permit" };

    private static Property Tags(string name) => new(name, new ListSchema(new ReferenceSchema(SecurityTags.Name), countMax: 256)) { Since = ApiVersion.V5 };

    private static void Validate(RuleContext list)
    {
        VirtualSwitchManager.RequireFilter(list);
        SecurityTags.ValidateList(list);
    }

    private static void ValidateRule(RuleContext rule)
    {
        CheckPrefix(rule, "sourceAddressPrefix", SourceTags, "Source");
        CheckPrefix(rule, "destinationAddressPrefix", DestinationTags, "Destination");
        CheckPorts(rule, "sourcePortRange", "Source");
        CheckPorts(rule, "destinationPortRange", "Destination");
        string? priority = rule.Node.Text("priority");
        if (priority is not null && rule.EarlierSiblings().FirstOrDefault(r => r.Text("priority") == priority) is { } twin)
        {
            rule.Fail("InvalidAclRulePriority", "priority", $"{priority} is used by {twin.Ref} too. A priority is unique in its list, over both directions.");
        }
    }

    private static void CheckPrefix(RuleContext rule, string property, string tags, string side)
    {
        bool hasTags = rule.Node.References(tags).Any();
        if (!hasTags)
        {
            rule.Node.Properties.Remove(tags);
        }

        if (rule.Node.Text(property) is not { } text)
        {
            if (!hasTags)
            {
                rule.Fail($"AclRule{side}NeitherAddressPrefixNorSecurityTagsPresent", property, $"is missing. Send it, or {tags}.");
            }

            return;
        }

        if (hasTags)
        {
            rule.Fail($"AclRuleBoth{side}AddressPrefixAndSecurityTagsPresent", property, $"and {tags} exclude each other. Send one of them.");
        }

        string word = text.Trim().ToUpperInvariant();
        if (word.Length == 0)
        {
            rule.Fail($"AclRuleNullOrEmpty{side}AddressPrefix", property, "is empty. Send a prefix, an address, * or a tag.");
        }
        else if (word == "*" || IsTag(word))
        {
            rule.Node.Properties[property] = word;
        }
        else if (!TryParsePrefix(text, out _))
        {
            rule.Fail(
                $"AclRuleInvalid{side}AddressPrefix",
                property,
                $"'{text}' is not acceptable. Send a prefix as 10.1.1.0/24 without host bits, an address, *, {VirtualNetworkTag}, {InternetTag} or {LoadBalancerTag}.");
        }
    }

    private static void CheckPorts(RuleContext rule, string property, string side)
    {
        if (rule.Node.Text(property) is not { } text)
        {
            return;
        }

        if (text.Length == 0)
        {
            rule.Fail($"AclRuleNullOrEmpty{side}PortRange", property, "is empty. Send a port, a range a-b or *.");
        }
        else if (!TryParsePorts(text, out _))
        {
            rule.Fail($"AclRuleInvalid{side}PortRange", property, $"'{text}' is not acceptable. Send a port from 0 to 65535, a range a-b or *.");
        }
    }
}
