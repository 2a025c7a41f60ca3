namespace Hnv.Policy;

/// <summary>What holds for the whole switch of a host (<c>virtualSwitchManager</c> and <c>virtualNetworkManager</c> in REST).</summary>
/// <param name="PortDefault">What a port does that no access control list is attached to (requirements C7).</param>
/// <param name="OuterDscp">The DSCP of encapsulated packets, 0 … 63; null copies the tenant's.</param>
/// <param name="LinkMbps">Outbound capacity that reservations are taken from, Mbit/s; 0 when unknown, and reservations then only weigh.</param>
public sealed record HostSettings(PortDefaultState PortDefault, byte? OuterDscp, int LinkMbps)
{
    /// <summary>What a host has that nobody has told anything.</summary>
    public static HostSettings Default { get; } = new(PortDefaultState.Default, OuterDscp: null, LinkMbps: 0);
}

/// <summary>What a port does without an access control list (R44).</summary>
public enum PortDefaultState
{
    /// <summary>No list, no firewall: everything that is addressed to it passes.</summary>
    Default,

    /// <summary>No list, no traffic.</summary>
    BlockTraffic,

    /// <summary>Everything passes.</summary>
    AllowTraffic,
}
