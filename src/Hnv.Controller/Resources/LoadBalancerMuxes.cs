using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>loadBalancerMuxes</c> (7.7): the machines that take VIP traffic in.</summary>
internal static class LoadBalancerMuxes
{
    public const string Name = "loadBalancerMuxes";

    /// <summary>Where a gateway or a mux has its adapters.</summary>
    public const string Interfaces = "networkInterfaces";
    public const string InternalInterface = "internalNetworkInterface";
    public const string ExternalInterface = "externalNetworkInterface";

    private const string Router = "routerConfiguration";
    private const string Peers = "peerRouterConfigurations";
    private static readonly ApiVersion s_fourByteNumbers = new(7, 1);

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        Validate = Validate,
        Properties = new(
        [
            new("virtualServer", new ReferenceSchema(VirtualServers.Name)) { Required = true },
            new(Router, new StructSchema(
                new("localASN", new IntegerSchema(0, ushort.MaxValue)),
                new("localASN4", new IntegerSchema(0, uint.MaxValue)) { Since = s_fourByteNumbers },
                new(Peers, new ListSchema(
                    new StructSchema(
                        new("routerName", new TextSchema(lengthMax: 255)) { Required = true },
                        new("routerIPAddress", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
                        new("localIPAddress", new AddressSchema(emptyIsAbsent: true)) { InvalidCode = ErrorCodes.InvalidIPAddress },
                        new("peerASN", new IntegerSchema(0, ushort.MaxValue)),
                        new("peerASN4", new IntegerSchema(0, uint.MaxValue)) { Since = s_fourByteNumbers },
                        new("id", new GuidSchema()) { Filled = true }),
                    countMax: 16)) { Required = true })) { Required = true },
            new("connections", Common.Connections(withPort: true)),
            new(Interfaces, new StructSchema(
                new(InternalInterface, new ReferenceSchema(NetworkInterfaces.Name) { MissingCode = "InvalidNetworkInterfaceReference" }),
                new(ExternalInterface, new ReferenceSchema(NetworkInterfaces.Name) { MissingCode = "InvalidNetworkInterfaceReference" }))),
            Common.Constant("activityState", "NA") with { Since = ApiVersion.V6 },
            Common.NotEnforced("Failure", "SoftwareLoadBalancerManager", "VirtualServerUnreachable", "No multiplexer runs there: this release stores load balancing and forwards no VIP traffic."),
            Common.Constant("counters", new JsonArray()) with { Since = ApiVersion.V2 },
        ]),
    };

    /// <summary>The state of a VIP: nobody announces it and nobody forwards it.</summary>
    public static Property VipState() => Common.NotEnforced(
        "Failure", "SoftwareLoadBalancerManager", "PolicyConfigurationFailureOnMux", "No multiplexer forwards this VIP: this release stores load balancing and forwards no VIP traffic.");

    private static void Validate(RuleContext mux)
    {
        if (mux.Node.Properties[Router] is JsonObject router)
        {
            CheckNumber(mux, router, "localASN");
            JsonObject[] peers = [.. (router[Peers] as JsonArray ?? []).Select(p => p!.AsObject())];
            JsonArray before = mux.Existing?.Properties[Router]?[Peers] as JsonArray ?? [];
            foreach (JsonObject peer in peers)
            {
                CheckNumber(mux, peer, "peerASN");
                peer["id"] ??= before.FirstOrDefault(p => (string?)p!["routerName"] == (string?)peer["routerName"])?["id"]?.DeepClone() ?? Guid.NewGuid().ToString("D");
                if (InetAddress.TryParse((string?)peer["routerIPAddress"], out InetAddress address) && !address.IsIPv4)
                {
                    mux.Fail(ErrorCodes.InvalidIPAddress, $"{Router}.{Peers}", $"routerIPAddress {address} is no IPv4 address. Sessions to routers are over IPv4.");
                }
            }

            if (peers.Select(p => (string?)p["localIPAddress"]).Distinct().Count() > 1)
            {
                mux.Fail(ErrorCodes.InvalidParameterValue, $"{Router}.{Peers}", "have different localIPAddress values. Send one on every peer, the same, or none.");
            }
        }

        if (!LoadBalancerManager.ForwardsOnLayer2(mux.Before))
        {
            return;
        }

        foreach (string side in new[] { InternalInterface, ExternalInterface })
        {
            string? now = Interface(mux.Node, side);
            if (now is null)
            {
                mux.Fail(ErrorCodes.RequiredParamMissing, $"{Interfaces}.{side}", "is missing. In L2Forwarding a mux has both interfaces.");
            }
            else if (mux.Existing is { } before && Interface(before, side) is { } was && Node.KeyOf(was) != Node.KeyOf(now))
            {
                mux.Fail("CannotUpdateNetworkInterfaceAfterCreationInL2ForwardingMode", $"{Interfaces}.{side}", $"cannot change from {was} to {now} in L2Forwarding. Delete the mux and make another one.");
            }
        }
    }

    private static string? Interface(Node mux, string side) => (string?)mux.Properties[Interfaces]?[side]?[ReferenceSchema.Member];

    private static void CheckNumber(RuleContext mux, JsonObject holder, string name)
    {
        if (((long?)holder[name] ?? 0) == 0 && ((long?)holder[$"{name}4"] ?? 0) == 0)
        {
            mux.Fail(ErrorCodes.RequiredParamMissing, $"{Router}.{name}", $"is missing. Send {name}, or {name}4 from {s_fourByteNumbers} on.");
        }
    }
}
