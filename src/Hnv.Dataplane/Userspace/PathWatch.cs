using Hnv.Linux;
using Hnv.Primitives;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// Learns how long packets to other hosts may be: from routers of the provider network, and from the kernel when it refuses one. One worker's; what
/// it learns goes to the switch, which lets senders know.
/// </summary>
internal sealed class PathWatch(ushort vxlanPort, Action<ProviderAddress, int> report)
{
    private const int BatchMax = 16;
    private const int MessageSize = 1280;                               // an ICMPv6 error is no longer (RFC 4443 §2.4)

    /// <summary>Whatever the provider network says: a report may make the switch decide all flows anew.</summary>
    private const int ReportsPerSecond = 50;

    private readonly ReceiveBatch _errors = new(BatchMax, MessageSize);
    private long _second;
    private int _reports;

    /// <summary>One turn of what routers say to one provider address.</summary>
    public void Run(TunnelEnd tunnel, long now)
    {
        int count = _errors.Receive(tunnel.PathErrors, BatchMax);
        for (int i = 0; i < count; i++)
        {
            if (PathMtuMessage.TryRead(_errors[i], tunnel.Endpoint.Address, vxlanPort, out ProviderAddress destination, out int mtu) && MayReport(now))
            {
                report(destination, mtu);
            }
        }
    }

    /// <summary>The kernel would not send something toward that address because it was too long.</summary>
    public void Refused(TunnelEnd tunnel, ProviderAddress destination, long now)
    {
        if (MayReport(now) && tunnel.Probe.MtuToward(destination) is > 0 and int mtu)
        {
            report(destination, mtu);
        }
    }

    private bool MayReport(long now)
    {
        if (now / 1000 != _second)
        {
            (_second, _reports) = (now / 1000, 0);
        }

        return _reports++ < ReportsPerSecond;
    }
}
