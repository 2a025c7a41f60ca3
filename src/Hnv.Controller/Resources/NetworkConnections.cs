using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>VirtualGateways/networkConnections</c> (7.17): one tunnel or link to another site.</summary>
internal static class NetworkConnections
{
    public const string Name = "networkConnections";
    public const string Path = "VirtualGateways/networkConnections";

    private const string Kind = "connectionType";
    private const string IPSec = "IPSec";
    private const string IPSecSettings = "ipSecConfiguration";
    private const string GreSettings = "greConfiguration";
    private const string LinkSettings = "l3Configuration";
    private const string Destination = "destinationIPAddress";
    private const string Routes = "routes";
    private const string Secret = "sharedSecret";
    private const int SecondsMax = int.MaxValue;

    private static readonly string[] s_ciphers =
        ["None", "DES", "CBCDES", "DES3", "CBCDES3", "AES128", "AES192", "AES256", "AES128CBC", "AES192CBC", "GCMAES128", "GCMAES192", "GCMAES256"];

    private static readonly string[] s_counters =
    [
        "outboundBytes", "inboundBytes", "rxTotalPacketsDropped", "txTotalPacketsDropped", "txRateKbps", "rxRateKbps", "txRateLimitedPacketsDropped",
        "rxRateLimitedPacketsDropped",
    ];

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        Validate = Validate,
        Properties = new(
        [
            new(Kind, new EnumSchema(IPSec, "GRE", "L3")) { Required = true },
            new("outboundKiloBitsPerSecond", new IntegerSchema(0, int.MaxValue)) { Default = 0L },
            new("inboundKiloBitsPerSecond", new IntegerSchema(0, int.MaxValue)) { Default = 0L },
            new(IPSecSettings, IPSecSchema()),
            new(GreSettings, new StructSchema(new Property("greKey", new TextSchema(lengthMax: 10)))),
            new(LinkSettings, new StructSchema(new Property("vlanSubnet", new ReferenceSchema(LogicalNetworks.SubnetPath)) { Required = true })),
            new("ipAddresses", new ListSchema(
                new StructSchema(
                    new("ipAddress", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
                    new("prefixLength", new IntegerSchema(0, 128)) { Required = true }),
                countMax: 64)) { Default = new JsonArray() },
            new("peerIPAddresses", new ListSchema(new AddressSchema(), countMax: 64)) { Default = new JsonArray(), InvalidCode = ErrorCodes.InvalidIPAddress },
            new(Destination, new AddressSchema(emptyIsAbsent: true)) { InvalidCode = ErrorCodes.InvalidIPAddress },
            new(Routes, new ListSchema(
                new StructSchema(
                    new("destinationPrefix", new PrefixSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPPrefix },
                    new("nextHop", new TextSchema(lengthMax: 45)) { Default = "" },
                    new("metric", new IntegerSchema(0, int.MaxValue)) { Default = 0L },

                    // The controller's word: what a client writes is always a static route.
                    new("protocol", new EnumSchema("Static", "BGP")) { Default = "Static" }),
                countMax: 4096)) { Default = new JsonArray() },
            new("connectionStatus", new EnumSchema("Enabled", "Disabled")) { Default = "Enabled" },
            Common.Constant("connectionState", "Disconnected"),
            Common.Constant("connectionUpTime", "00:00:00"),
            Common.Constant("connectionErrorReason", ""),
            Common.Constant("unreachabilityReason", ""),
            Common.Constant("statistics", Statistics()),
            Common.NotEnforced("Failure", "VirtualNetwork", "HostUnreachable", "No gateway runs the connection: this release stores connections and makes none."),
        ]),
    };

    /// <summary>True when a virtual gateway has an IPsec tunnel.</summary>
    public static bool HasIPSec(Node gateway) => gateway.ChildrenOf(Name).Any(connection => connection.Text(Kind) == IPSec);

    /// <summary>Checks the connections of a gateway against each other.</summary>
    public static void ValidateTogether(RuleContext gateway)
    {
        foreach (IGrouping<string?, Node> twins in gateway.Node.ChildrenOf(Name).Where(c => c.Text(Kind) == IPSec && c.Text(Destination) is not null).GroupBy(c => c.Text(Destination)))
        {
            if (twins.Select(Space).Distinct().Count() > 1)
            {
                gateway.Fail("DuplicateLocalVpnGatewayAddress", Name, $"{string.Join(" and ", twins.Select(t => t.Ref))} lead to {twins.Key} with different {Routes}. One site has one address space.");
            }
        }
    }

    private static string Space(Node connection) =>
        string.Join(',', (connection.Properties[Routes] as JsonArray ?? []).Select(r => (string)r!["destinationPrefix"]!).Order(StringComparer.Ordinal));

    private static StructSchema IPSecSchema() => new(
        new("authenticationMethod", new EnumSchema("PSK")) { Default = "PSK" },
        new(Secret, new TextSchema()) { Access = Access.WriteOnly },
        new("mainMode", new StructSchema(
            new("diffieHellmanGroup", new EnumSchema("Group1", "Group2", "Group14", "Group24", "ECP256", "ECP384") { Synonyms = { ["ECP258"] = "ECP256" } }) { Default = "Group2" },
            new("integrityAlgorithm", new EnumSchema("MD5", "SHA196", "SHA256", "SHA384") { Synonyms = { ["SHA1"] = "SHA196" } }) { Default = "SHA256" },
            new("encryptionAlgorithm", new EnumSchema("DES", "DES3", "AES128", "AES192", "AES256")) { Default = "AES256" },
            new("saLifeTimeSeconds", new IntegerSchema(0, SecondsMax)) { Default = 28800L },
            new("saLifeTimeKiloBytes", new IntegerSchema(0, int.MaxValue)) { Default = 2000L })),
        new("quickMode", new StructSchema(
            new("perfectForwardSecrecy", new EnumSchema("None", "PFS1", "PFS2", "PFS2048", "PFS14", "PFS24", "PFSMM", "ECP256", "ECP384")) { Default = "PFS2048" },
            new("cipherTransformationConstant", new EnumSchema(s_ciphers)) { Default = "AES256" },
            new("authenticationTransformationConstant", new EnumSchema("None", "MD596", "SHA196", "SHA256128", "GCMAES128", "GCMAES192", "GCMAES256") { Synonyms = { ["SHA256"] = "SHA256128" } })
            {
                Default = "SHA256128",
                Aliases = ["authenticationTranformationConstant"],
            },
            new("saLifeTimeSeconds", new IntegerSchema(0, SecondsMax)) { Default = 3600L },
            new("saLifeTimeKiloBytes", new IntegerSchema(0, int.MaxValue)) { Default = 2000L },
            new("idleDisconnectSeconds", new IntegerSchema(0, SecondsMax)) { Default = 500L })),
        new("localVpnTrafficSelector", Selectors()),
        new("remoteVpnTrafficSelector", Selectors()));

    private static ListSchema Selectors() => new(
        new StructSchema(
            new("type", new EnumSchema("IPv4", "IPv6")),
            new("protocolId", new IntegerSchema(0, byte.MaxValue)),
            new("portStart", new IntegerSchema(0, ushort.MaxValue)),
            new("portEnd", new IntegerSchema(0, ushort.MaxValue)),
            new("ipAddressStart", new AddressSchema()) { InvalidCode = ErrorCodes.InvalidIPAddress },
            new("ipAddressEnd", new AddressSchema()) { InvalidCode = ErrorCodes.InvalidIPAddress },
            new("tsPayloadId", new IntegerSchema(0, int.MaxValue))),
        countMax: 256);

    private static JsonObject Statistics()
    {
        var statistics = new JsonObject(s_counters.Select(name => KeyValuePair.Create<string, JsonNode?>(name, 0L)));
        statistics["lastUpdated"] = "";
        return statistics;
    }

    private static void Validate(RuleContext connection)
    {
        string? kind = connection.Node.Text(Kind);
        bool hasDestination = connection.Node.Text(Destination) is not null;
        switch (kind)
        {
            case IPSec when string.IsNullOrEmpty((string?)connection.Node.Properties[IPSecSettings]?[Secret]):
                connection.Fail(ErrorCodes.RequiredParamMissing, $"{IPSecSettings}.{Secret}", "is missing. Both ends of an IPsec tunnel know it.");
                break;
            case "GRE" when !uint.TryParse((string?)connection.Node.Properties[GreSettings]?["greKey"], out _):
                connection.Fail(ErrorCodes.InvalidParameterValue, $"{GreSettings}.greKey", "is no number of 32 bits. Both ends of a GRE tunnel have the same.");
                break;
            case "L3" when connection.Node.Properties[LinkSettings] is null:
                connection.Fail(ErrorCodes.RequiredParamMissing, LinkSettings, "is missing. Send vlanSubnet, the logical subnet the link is on.");
                break;
        }

        if (kind is IPSec or "GRE" && !hasDestination && !connection.Errors.Any)
        {
            connection.Fail(ErrorCodes.RequiredParamMissing, Destination, "is missing. It is the far end of the tunnel.");
        }

        foreach (string hop in (connection.Node.Properties[Routes] as JsonArray ?? []).Select(r => (string?)r!["nextHop"]).OfType<string>())
        {
            if (hop.Length > 0 && !InetAddress.TryParse(hop, out _))
            {
                connection.Fail(ErrorCodes.InvalidIPAddress, Routes, $"have nextHop '{hop}', which is no address. It matters for L3 only and may be empty.");
            }
        }
    }
}
