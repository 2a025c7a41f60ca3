using Hnv.Primitives;

namespace Hnv.Corpus.Model;

/// <summary>What the two ends of a conversation are called, from one guest's side. ICMP echo: the identifier, and who asks.</summary>
internal sealed record Tuple5(InetAddress Local, InetAddress Remote, int LocalPort, int RemotePort, byte Protocol)
{
    private const int GuestAsks = 0, NetworkAsks = 1;

    /// <summary>The tuple of a packet; null where a packet belongs to none: ICMP that is neither question nor answer.</summary>
    public static Tuple5? Of(TenantPacket packet, bool isOutbound)
    {
        (InetAddress local, InetAddress remote) = isOutbound ? (packet.Source, packet.Destination) : (packet.Destination, packet.Source);
        if (packet.IsIcmp)
        {
            int asks = packet.IsEchoRequest == isOutbound ? GuestAsks : NetworkAsks;
            return packet.IsEchoRequest || packet.IsEchoReply ? new Tuple5(local, remote, packet.SourcePort, asks, packet.Protocol) : null;
        }

        (int localPort, int remotePort) = !packet.HasPorts ? (0, 0)
            : isOutbound ? (packet.SourcePort, packet.DestinationPort) : (packet.DestinationPort, packet.SourcePort);
        return new Tuple5(local, remote, localPort, remotePort, packet.Protocol);
    }

    private bool IsIcmp => Protocol is 1 or 58;

    /// <summary>The other end's name for it, were it at the same port.</summary>
    public Tuple5 Turned() => IsIcmp
        ? this with { Local = Remote, Remote = Local, RemotePort = 1 - RemotePort }
        : new Tuple5(Remote, Local, RemotePort, LocalPort, Protocol);

    /// <summary>Gives a packet of the conversation these names.</summary>
    public TenantPacket ApplyTo(TenantPacket packet, bool isOutbound) => isOutbound
        ? packet with
        {
            Source = Local,
            Destination = Remote,
            SourcePort = (ushort)LocalPort,
            DestinationPort = IsIcmp ? packet.DestinationPort : (ushort)RemotePort,
        }
        : packet with
        {
            Source = Remote,
            Destination = Local,
            SourcePort = (ushort)(IsIcmp ? LocalPort : RemotePort),
            DestinationPort = IsIcmp ? packet.DestinationPort : (ushort)LocalPort,
        };

    /// <summary>A packet that could begin the conversation, for rules to be asked about.</summary>
    public TenantPacket Beginning(bool isOutbound) => ApplyTo(
        new TenantPacket { Protocol = Protocol, IcmpType = (byte)(Local.IsIPv4 ? 8 : 128), Source = Local }, isOutbound);
}
