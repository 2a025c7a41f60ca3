using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>virtualNetworkManager/configuration</c> (7.19): what holds for every virtual network.</summary>
/// <remarks>
/// Extensions: <c>routerMacAddress</c> tells the MAC of the distributed router, the same on every host (R24); <c>outerDscp</c> sets the DSCP of
/// encapsulated packets, which is the tenant's when it is absent.
/// </remarks>
internal static class VirtualNetworkManager
{
    public const string Name = "virtualNetworkManager";
    public const string Ref = "/virtualNetworkManager/configuration";
    public const string RouterMacAddress = "routerMacAddress";

    private const string OuterDscpProperty = "outerDscp";
    private const int DscpMax = 63;
    private const string RangeProperty = "virtualSubnetIdRange";

    // The specification lets a range end at 2^24-1, a value NVGRE keeps for itself: accepted, never allocated (contradiction 28).
    private const uint RangeEndMax = 0xFF_FFFF;

    // Locally administered; "HNV" inside.
    private static readonly MacAddress s_routerMac = MacAddress.Parse("02-48-4E-56-00-01");

    public static ResourceType Create() => new(Name)
    {
        SingletonId = "configuration",
        Asynchronous = true,
        Validate = Validate,
        Claims = Claims,
        Properties = new(
        [
            new("distributedRouterState", new EnumSchema("Enabled", "Disabled") { Synonyms = { ["Enable"] = "Enabled", ["Disable"] = "Disabled" } }) { Default = "Enabled" },
            new("networkVirtualizationProtocol", new EnumSchema("VXLAN", "NVGRE")) { Default = "VXLAN" },
            new(RangeProperty, new StructSchema(
                new("startId", new IntegerSchema(0, uint.MaxValue)) { Required = true, InvalidCode = "InvalidVsidRangeValues" },
                new("endId", new IntegerSchema(0, uint.MaxValue)) { Required = true, InvalidCode = "InvalidVsidRangeValues" }))
            {
                Since = ApiVersion.V2,
                TooNewCode = "MinimumApiVersionNotSpecifiedForVsidRange",
            },
            new("enableMetering", new BooleanSchema()) { Since = ApiVersion.V6, Default = false },
            new(OuterDscpProperty, new IntegerSchema(0, DscpMax)),
            new(RouterMacAddress, new MacSchema(dashes: true)) { Access = Access.ReadOnly },
        ]),
    };

    /// <summary>Where VSIDs come from, both ends inclusive.</summary>
    public static (uint First, uint Last) Range(Snapshot snapshot) =>
        snapshot.Find(Ref)?.Properties[RangeProperty] is { } range
            ? ((uint)(long)range["startId"]!, (uint)Math.Min((long)range["endId"]!, Vsid.MaxValue))
            : (Vsid.MinValue, Vsid.MaxValue);

    /// <summary>The router's MAC.</summary>
    public static MacAddress RouterMac(Snapshot snapshot) =>
        MacAddress.TryParse(snapshot.Find(Ref)?.Text(RouterMacAddress), out MacAddress mac) ? mac : s_routerMac;

    /// <summary>How virtual networks are encapsulated.</summary>
    public static EncapsulationType Encapsulation(Snapshot snapshot) =>
        snapshot.Find(Ref)?.Text("networkVirtualizationProtocol") == "NVGRE" ? EncapsulationType.Nvgre : EncapsulationType.Vxlan;

    /// <summary>The DSCP of encapsulated packets; null copies the tenant's.</summary>
    public static byte? OuterDscp(Snapshot snapshot) => (byte?)(long?)snapshot.Find(Ref)?.Properties[OuterDscpProperty];

    /// <summary>Whether subnets of one network are routed to each other.</summary>
    public static bool RouterEnabled(Snapshot snapshot) => snapshot.Find(Ref)?.Text("distributedRouterState") != "Disabled";

    private static void Validate(RuleContext manager)
    {
        manager.Carry(RouterMacAddress);
        if (manager.Node.Properties[RouterMacAddress] is null)
        {
            manager.Node.Properties[RouterMacAddress] = s_routerMac.ToString();
        }

        if (manager.Node.Properties[RangeProperty] is not { } range || range["startId"] is null || range["endId"] is null)
        {
            return;
        }

        long start = (long)range["startId"]!;
        long end = (long)range["endId"]!;
        if (start >= end)
        {
            manager.Fail("InvalidVsidRangeFormat", RangeProperty, $"{start} … {end} is no range. startId comes before endId.");
        }

        if (start < Vsid.MinValue || end > RangeEndMax)
        {
            manager.Fail("InvalidVsidRangeValues", RangeProperty, $"{start} … {end} leaves {Vsid.MinValue} … {RangeEndMax}.");
        }
    }

    private static IEnumerable<Claim> Claims(Node manager)
    {
        if (MacAddress.TryParse(manager.Text(RouterMacAddress), out MacAddress mac))
        {
            yield return new Claim(ClaimKey.Of(mac), RouterMacAddress, mac.ToString(), "InvalidPrivateMacAddress", "");
        }
    }
}
