namespace Hnv.Contracts.HostChannel;

/// <summary><c>GET /v1/counters/nics</c>: everything that was counted on this host, in one answer.</summary>
/// <param name="Nics">One entry per network interface that ever had a port here, as far as it is remembered.</param>
public sealed record HostNicTotals(IReadOnlyList<NicTotals> Nics);

/// <summary>
/// What was counted on one host for one network interface, over all its ports there, one after the other, and over restarts of the agent. Never less than
/// what was answered before.
/// </summary>
/// <param name="Nic">instanceId of the network interface.</param>
/// <param name="In">Delivered to the VM, packets.</param>
/// <param name="Out">Sent by the VM, packets.</param>
/// <param name="BytesIn">Bytes delivered to the VM, dropped ones included.</param>
/// <param name="BytesOut">Bytes sent by the VM, dropped ones included.</param>
/// <param name="BilledBytes">Bytes of IP packets that left the tenant's networks.</param>
/// <param name="UnbilledBytes">Bytes of IP packets sent within them.</param>
public sealed record NicTotals(
    Guid Nic, NicDirectionCounters In, NicDirectionCounters Out, long BytesIn, long BytesOut, long BilledBytes, long UnbilledBytes)
{
    /// <summary>Nothing yet.</summary>
    public static NicTotals Zero(Guid nic) => new(nic, NicDirectionCounters.Zero, NicDirectionCounters.Zero, 0, 0, 0, 0);

    /// <summary>Both together.</summary>
    public NicTotals Plus(NicTotals other) => new(
        Nic, In.Plus(other.In), Out.Plus(other.Out), BytesIn + other.BytesIn, BytesOut + other.BytesOut, BilledBytes + other.BilledBytes, UnbilledBytes + other.UnbilledBytes);
}
