namespace Hnv.Contracts.Rest;

/// <summary><c>virtualSwitchManager/configuration</c>: what holds for the switch of every host.</summary>
public sealed record VirtualSwitchManagerProperties : ResourceProperties
{
    /// <summary>How bandwidth is reserved; interfaces may ask for some once this is said.</summary>
    public SwitchQosSettings? QosSettings { get; init; }

    /// <summary>Default, BlockTraffic or AllowTraffic.</summary>
    public string? PortDefaultState { get; init; }
}

/// <summary>Bandwidth reservation of all hosts.</summary>
/// <param name="ReservationMode">Absolute (Mbit/s) or Weight (1 to 100).</param>
/// <param name="EnableSoftwareReservations">True makes the switch keep them.</param>
public sealed record SwitchQosSettings(string ReservationMode, bool EnableSoftwareReservations);

/// <summary><c>portSettings</c> of a network interface.</summary>
public sealed record PortSettingsProperties
{
    /// <summary>Enabled lets the guest use source MACs that are not its own; Disabled does not.</summary>
    public string? MacSpoofingEnabled { get; init; }

    /// <summary>Bandwidth of the port.</summary>
    public PortQosSettings? QosSettings { get; init; }
}

/// <summary>Bandwidth of a port; 0 is none.</summary>
/// <param name="OutboundReservedValue">Mbit/s or a weight, as <see cref="SwitchQosSettings.ReservationMode"/> says.</param>
/// <param name="OutboundMaximumMbps">What the guest may send at most.</param>
/// <param name="InboundMaximumMbps">What is delivered to it at most.</param>
public sealed record PortQosSettings(int OutboundReservedValue, int OutboundMaximumMbps, int InboundMaximumMbps);

/// <summary><c>serviceInsertions</c>: copies of subnets' or interfaces' traffic for an appliance.</summary>
public sealed record ServiceInsertionProperties : ResourceProperties
{
    /// <summary>PortMirror.</summary>
    public string? Type { get; init; }

    /// <summary>Unique over all service insertions; lower is asked first.</summary>
    public int? Priority { get; init; }

    /// <summary>Which packets are copied.</summary>
    public IReadOnlyList<Resource<ServiceInsertionRuleProperties>>? ServiceInsertionRules { get; init; }

    /// <summary>Who gets the copies: exactly one interface.</summary>
    public IReadOnlyList<Resource<ServiceInsertionElementProperties>>? ServiceInsertionElements { get; init; }
}

/// <summary>One 5-tuple of a service insertion.</summary>
public sealed record ServiceInsertionRuleProperties : ResourceProperties
{
    /// <summary>All, Tcp, Udp or Http.</summary>
    public string? Protocol { get; init; }

    /// <summary>0 is any.</summary>
    public int? SourcePortRangeStart { get; init; }

    /// <summary>Inclusive.</summary>
    public int? SourcePortRangeEnd { get; init; }

    /// <summary>0 is any.</summary>
    public int? DestinationPortRangeStart { get; init; }

    /// <summary>Inclusive.</summary>
    public int? DestinationPortRangeEnd { get; init; }

    /// <summary>Prefixes, addresses or <c>*</c>.</summary>
    public IReadOnlyList<string>? SourceSubnets { get; init; }

    /// <summary>Prefixes, addresses or <c>*</c>.</summary>
    public IReadOnlyList<string>? DestinationSubnets { get; init; }
}

/// <summary>One appliance of a service insertion.</summary>
public sealed record ServiceInsertionElementProperties : ResourceProperties
{
    /// <summary>Lowest first.</summary>
    public int? Order { get; init; }

    /// <summary>Its network interface.</summary>
    public ResourceReference? NetworkInterface { get; init; }
}
