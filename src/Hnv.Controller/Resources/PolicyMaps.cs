using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>VirtualGateways/policyMaps</c> (7.17): what is accepted from and told to a BGP peer.</summary>
internal static class PolicyMaps
{
    public const string Name = "policyMaps";
    public const string Path = "VirtualGateways/policyMaps";

    public static ResourceType Create() => new(Name)
    {
        Properties = new(
        [
            new("policyMapEntryList", new ListSchema(
                new StructSchema(
                    new("policyName", new TextSchema(lengthMax: 255)),
                    new("action", new EnumSchema("Deny", "Allow", "ModifyAttribute")) { Required = true },
                    new("matchCriteria", new ListSchema(
                        new StructSchema(
                            new("property", new EnumSchema("MatchPrefix", "NextHop", "IgnorePrefix", "AsnRange", "Community")) { Required = true },
                            new("value", new ListSchema(new TextSchema(lengthMax: 255), countMax: 1024)) { Required = true }),
                        countMax: 256)) { Default = new JsonArray() },
                    new("setActions", new ListSchema(
                        new StructSchema(
                            new("property", new EnumSchema(
                                "As-Path", "Add-Community", "Remove-Community", "Remove-All-Community", "MED", "Clear-MED", "Weight", "Local-Pref", "Next-Hop")) { Required = true },
                            new("value", new TextSchema(lengthMax: 1024))),
                        countMax: 64)) { Default = new JsonArray() }),
                countMax: 256)) { Default = new JsonArray() },
            Common.BackReferencesIn("bgpPeersWithPolicyMapIn", BgpRouters.PolicyMapIn, BgpRouters.PeerPath),
            Common.BackReferencesIn("bgpPeersWithPolicyMapOut", BgpRouters.PolicyMapOut, BgpRouters.PeerPath),
        ]),
    };
}
