using System.Text.Json.Nodes;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>virtualServers</c> (7.21): machines that gateways and load balancer multiplexers run on.</summary>
internal static class VirtualServers
{
    public const string Name = "virtualServers";

    public static ResourceType Create() => new(Name)
    {
        InUseCode = "InUseVirtualServerCannotBeDeleted",
        Envelope = new([new("markServerReadOnly", new BooleanSchema()) { Default = false }]),
        Properties = new(
        [
            new("vmGuid", new GuidSchema()) { Required = true },
            new("connections", Common.Connections()) { Default = new JsonArray() },
            new("certificate", new TextSchema(lengthMax: 65536)),
            Common.SingleBackReference("gateway", Gateways.Name),
            Common.SingleBackReference(LoadBalancerMuxes.Name, LoadBalancerMuxes.Name),
        ]),
    };
}
