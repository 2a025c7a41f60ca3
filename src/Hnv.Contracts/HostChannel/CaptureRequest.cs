using System.Globalization;

namespace Hnv.Contracts.HostChannel;

/// <summary>Where to look at packets: <c>GET /v1/capture</c> (pcapng) and <c>GET /v1/capture/events</c> (server-sent events).</summary>
/// <param name="Nic">instanceId of the network interface whose frames are meant; null for all.</param>
/// <param name="ProviderAddress">Encapsulated, on the provider address of that team member; null for the port's own device.</param>
/// <param name="Uplink">Whatever passes that uplink; null for none.</param>
/// <param name="SnapLength">Bytes of each frame to keep; 0 keeps what the host thinks fit.</param>
public sealed record CaptureRequest(Guid? Nic, int? ProviderAddress, int? Uplink, int SnapLength = 0)
{
    /// <summary>As a query.</summary>
    public string Query => string.Join('&', new[]
    {
        Nic is { } nic ? $"nic={nic:D}" : null,
        ProviderAddress is { } pa ? string.Create(CultureInfo.InvariantCulture, $"pa={pa}") : null,
        Uplink is { } uplink ? string.Create(CultureInfo.InvariantCulture, $"uplink={uplink}") : null,
        SnapLength > 0 ? string.Create(CultureInfo.InvariantCulture, $"snap={SnapLength}") : null,
    }.Where(part => part is not null));
}
