using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>VirtualGateways/bgpRouters</c> with <c>bgpPeers</c> (7.17).</summary>
internal static class BgpRouters
{
    public const string Name = "bgpRouters";
    public const string PeerPath = "VirtualGateways/bgpRouters/bgpPeers";
    public const string PolicyMapIn = "policyMapIn";
    public const string PolicyMapOut = "policyMapOut";

    private const string Peers = "bgpPeers";
    private const string AsNumber = "asNumber";
    private const string ExtAsNumber = "extAsNumber";

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        Properties = new(
        [
            new("isEnabled", new BooleanSchema()) { Default = true },
            new("requireIgpSync", new BooleanSchema()) { Default = false },
            new(ExtAsNumber, new AutonomousSystemSchema()) { Required = true },
            new("routerId", new TextSchema(lengthMax: 64)) { Default = "" },
            new("routerIP", new ListSchema(new AddressSchema(), countMax: 64)) { Default = new JsonArray(), InvalidCode = ErrorCodes.InvalidIPAddress },
            Common.Constant("isGenerated", false),
            Common.NotEnforced("Failure", "VirtualNetwork", "HostUnreachable", "No gateway runs the router: this release stores routers and makes no sessions."),
        ]),
        Children =
        [
            new ResourceType(Peers)
            {
                Asynchronous = true,
                Validate = ValidatePeer,
                Properties = new(
                [
                    new("peerIpAddress", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
                    new(ExtAsNumber, new AutonomousSystemSchema()) { Filled = true },
                    new(AsNumber, new IntegerSchema(0, uint.MaxValue, asString: true)) { Filled = true },
                    new(PolicyMapIn, new ReferenceSchema(PolicyMaps.Path)),
                    new(PolicyMapOut, new ReferenceSchema(PolicyMaps.Path)),
                    new("addressFamily", new TextSchema(lengthMax: 64)),
                    Common.Constant("connectionState", "Disconnected"),
                    Common.Constant("isGenerated", false),
                    Common.Constant("statistics", Statistics()),
                    Common.NotEnforced("Failure", "VirtualNetwork", "HostUnreachable", "No gateway runs the router: this release stores peers and makes no sessions."),
                ]),
            },
        ],
    };

    private static JsonObject Statistics()
    {
        var statistics = new JsonObject { ["tcpConnectionEstablished"] = "", ["tcpConnectionClosed"] = "" };
        foreach (string message in new[] { "open", "notification", "keepAlive", "routeRefresh", "update" })
        {
            statistics[$"{message}MessageStats"] = new JsonObject { ["lastSent"] = "", ["lastReceived"] = "", ["sentCount"] = 0, ["receivedCount"] = 0 };
        }

        foreach (string family in new[] { "ipv4", "ipv6" })
        {
            // "withdrawl" is how the specification writes it.
            statistics[$"{family}Route"] = new JsonObject
            {
                ["updateSentCount"] = 0,
                ["updateReceivedCount"] = 0,
                ["withdrawlSentCount"] = 0,
                ["withdrawlReceivedCount"] = 0,
            };
        }

        statistics["lastUpdated"] = "";
        return statistics;
    }

    private static void ValidatePeer(RuleContext peer)
    {
        string? extended = peer.Node.Text(ExtAsNumber);
        string? plain = peer.Node.Text(AsNumber);
        switch (extended, plain)
        {
            case (null, null):
                peer.Fail(ErrorCodes.RequiredParamMissing, ExtAsNumber, $"is missing. Send {ExtAsNumber} as 0.64512, or {AsNumber}.");
                break;
            case (null, _):
                uint number = uint.Parse(plain, System.Globalization.CultureInfo.InvariantCulture);
                peer.Node.Properties[ExtAsNumber] = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{number >> 16}.{number & 0xFFFF}");
                break;
            case (_, null):
                peer.Node.Properties[AsNumber] = AutonomousSystemSchema.Number(extended).ToString(System.Globalization.CultureInfo.InvariantCulture);
                break;
            case (_, _) when AutonomousSystemSchema.Number(extended).ToString(System.Globalization.CultureInfo.InvariantCulture) != plain:
                peer.Fail(ErrorCodes.InvalidParameterValue, AsNumber, $"{plain} is not {ExtAsNumber} {extended}. Send one of them.");
                break;
        }
    }
}
