using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Hnv.Contracts.HostChannel;
using Hnv.Contracts.Rest;

namespace Hnv.Contracts;

/// <summary>How every shape here is read and written: camelCase, nulls left out, names read in any case.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    PropertyNameCaseInsensitive = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ErrorResponse))]
[JsonSerializable(typeof(Resource<LogicalNetworkProperties>))]
[JsonSerializable(typeof(Resource<VirtualNetworkProperties>))]
[JsonSerializable(typeof(Resource<VirtualNetworkManagerProperties>))]
[JsonSerializable(typeof(Resource<MacPoolProperties>))]
[JsonSerializable(typeof(Resource<ServerProperties>))]
[JsonSerializable(typeof(Resource<NetworkInterfaceProperties>))]
[JsonSerializable(typeof(Resource<AccessControlListProperties>))]
[JsonSerializable(typeof(Resource<VirtualSubnetProperties>))]
[JsonSerializable(typeof(Resource<VirtualNetworkPeeringProperties>))]
[JsonSerializable(typeof(Resource<RouteTableProperties>))]
[JsonSerializable(typeof(Resource<ServiceInsertionProperties>))]
[JsonSerializable(typeof(Resource<VirtualSwitchManagerProperties>))]
[JsonSerializable(typeof(ResourceCollection<VirtualNetworkProperties>))]
[JsonSerializable(typeof(ResourceCollection<ServerProperties>))]
[JsonSerializable(typeof(ResourceCollection<NetworkInterfaceProperties>))]
[JsonSerializable(typeof(HostInventory))]
[JsonSerializable(typeof(HostHealth))]
[JsonSerializable(typeof(HostEvent))]
[JsonSerializable(typeof(HostCounters))]
[JsonSerializable(typeof(PortAttachRequest))]
[JsonSerializable(typeof(PortStatus))]
[JsonSerializable(typeof(IReadOnlyList<PortStatus>))]
[JsonSerializable(typeof(IReadOnlyList<FlowInfo>))]
[JsonSerializable(typeof(IReadOnlyList<MappingInfo>))]
[JsonSerializable(typeof(VfpSwitch))]
[JsonSerializable(typeof(VfpSwitch[]))]
[JsonSerializable(typeof(IReadOnlyList<VfpPort>))]
[JsonSerializable(typeof(NicCounters))]
[JsonSerializable(typeof(HostNicTotals))]
[JsonSerializable(typeof(IReadOnlyList<VfpLayer>))]
[JsonSerializable(typeof(Page<VfpRule>))]
[JsonSerializable(typeof(IReadOnlyList<VfpSpace>))]
[JsonSerializable(typeof(Page<VfpMapping>))]
[JsonSerializable(typeof(IReadOnlyList<VfpNatRange>))]
[JsonSerializable(typeof(Page<VfpUnifiedFlow>))]
[JsonSerializable(typeof(VfpFlowStatistics))]
[JsonSerializable(typeof(TraceRequest))]
[JsonSerializable(typeof(TraceReport))]
[JsonSerializable(typeof(ProbeRequest))]
[JsonSerializable(typeof(ProbeResult))]
[JsonSerializable(typeof(ProbeWatchRequest))]
[JsonSerializable(typeof(ProbeSighting))]
[JsonSerializable(typeof(DropInfo))]
[JsonSerializable(typeof(IReadOnlyList<DropInfo>))]
[JsonSerializable(typeof(CaptureInfo))]
public sealed partial class ContractJson : JsonSerializerContext
{
    private static JsonSerializerOptions? s_relaxed;

    /// <summary>The same rules as options, for people-readable output without needless escapes.</summary>
    public static JsonSerializerOptions Relaxed =>
        s_relaxed ??= new JsonSerializerOptions(Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
