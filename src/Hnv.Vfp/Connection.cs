using System.Runtime.InteropServices;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// A conversation that one side began and the firewall admitted: its replies pass, and when policy changes it is judged again by the packet that
/// began it.
/// </summary>
internal sealed class Connection
{
    private const int Fin = 0x01;
    private const int Syn = 0x02;
    private const int Reset = 0x04;
    private const int InboundShift = 8;

    private int _tcpFlags;

    public Connection(ConnectionKey key, Direction direction, in Ufid initiator, uint generation)
    {
        Key = key;
        Direction = direction;
        Initiator = initiator;
        Generation = generation;
    }

    public ConnectionKey Key { get; }

    /// <summary>Who began it, as the VM sees it.</summary>
    public Direction Direction { get; }

    /// <summary>The flow id of the packet that began it.</summary>
    public Ufid Initiator { get; }

    /// <summary>The generation it was last judged under.</summary>
    public uint Generation { get; set; }

    /// <summary>
    /// Policy no longer wants it. It is kept as long as packets come, so that the next packet of the other side does not pass for the start of a
    /// connection in the other direction.
    /// </summary>
    public bool IsBlocked { get; set; }

    /// <summary>Packets of both directions were seen.</summary>
    public bool IsAnswered => SeenOutbound && SeenInbound;

    public bool SeenOutbound { get; set; }

    public bool SeenInbound { get; set; }

    /// <summary>Coarse clock, milliseconds; flows fold theirs in when they are aged.</summary>
    public long LastSeen { get; set; }

    /// <summary>Head of the list of its flows.</summary>
    public UnifiedFlow? FirstFlow { get; private set; }

    /// <summary>A reset, or FIN from both sides.</summary>
    public bool IsClosed
    {
        get
        {
            int flags = Volatile.Read(ref _tcpFlags);
            int both = flags & (flags >> InboundShift);
            return (both & Fin) != 0 || ((flags | (flags >> InboundShift)) & Reset) != 0;
        }
    }

    /// <summary>True for TCP flags that begin a connection: SYN without ACK.</summary>
    public static bool IsOpening(in ParsedPacket packet) => (packet.TcpFlags & 0x12) == Syn && packet.Ufid.Protocol == IPProtocols.Tcp;

    /// <summary>Notes FIN and RST. Called without a lock for the few packets that carry them.</summary>
    public void Observe(Direction direction, byte tcpFlags) =>
        Interlocked.Or(ref _tcpFlags, (tcpFlags & (Fin | Reset)) << (direction == Direction.Inbound ? InboundShift : 0));

    public void Link(UnifiedFlow flow)
    {
        flow.Connection = this;
        flow.NextOfConnection = FirstFlow;
        FirstFlow = flow;
    }

    public void Unlink(UnifiedFlow flow)
    {
        if (ReferenceEquals(FirstFlow, flow))
        {
            FirstFlow = flow.NextOfConnection;
            return;
        }

        for (UnifiedFlow? at = FirstFlow; at is not null; at = at.NextOfConnection)
        {
            if (ReferenceEquals(at.NextOfConnection, flow))
            {
                at.NextOfConnection = flow.NextOfConnection;
                return;
            }
        }
    }
}

/// <summary>What tells one connection of a port from another: the 5-tuple, as the VM sees it; for ICMP echo the identifier.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ConnectionKey(InetAddress Local, InetAddress Remote, ushort LocalPort, ushort RemotePort, byte Protocol)
{
    // A random start of each process: nobody outside can choose tuples that fall into one bucket.
    private static readonly ulong s_seed = (ulong)Random.Shared.NextInt64();

    public static ConnectionKey Of(Direction direction, in Ufid flow)
    {
        if (IcmpFlows.IsIcmp(in flow))
        {
            return direction == Direction.Outbound
                ? new ConnectionKey(flow.Source, flow.Destination, flow.SourcePort, 0, flow.Protocol)
                : new ConnectionKey(flow.Destination, flow.Source, flow.SourcePort, 0, flow.Protocol);
        }

        return direction == Direction.Outbound
            ? new ConnectionKey(flow.Source, flow.Destination, flow.SourcePort, flow.DestinationPort, flow.Protocol)
            : new ConnectionKey(flow.Destination, flow.Source, flow.DestinationPort, flow.SourcePort, flow.Protocol);
    }

    /// <summary>The key of this conversation's later fragments, which have no ports.</summary>
    public ConnectionKey WithoutPorts() => this with { LocalPort = 0, RemotePort = 0 };

    public override int GetHashCode()
    {
        ulong a = Mix(Local.High ^ s_seed, Local.Low ^ 0xC2B2_AE3D_27D4_EB4F);
        ulong b = Mix(Remote.High ^ a, Remote.Low ^ s_seed);
        ulong c = Mix(b ^ (((ulong)LocalPort << 32) | ((ulong)RemotePort << 16) | Protocol), s_seed | 1);
        return (int)(c ^ (c >> 32));
    }

    private static ulong Mix(ulong x, ulong y)
    {
        ulong high = Math.BigMul(x, y, out ulong low);
        return high ^ low;
    }
}
