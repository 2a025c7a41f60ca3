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
    private long _resetAt;
    private Connection? _nextInBucket;

    public Connection(in ConnectionKey key, Direction direction, uint generation)
    {
        Key = key;
        Direction = direction;
        Generation = generation;
    }

    /// <summary>The conversation as the guest knows it.</summary>
    public ConnectionKey Key { get; }

    /// <summary>Who began it, as the VM sees it.</summary>
    public Direction Direction { get; }

    /// <summary>The packet that began it, as the guest's side of the switch saw it.</summary>
    public Ufid Initiator => Key.ToFlow(Direction);

    /// <summary>Its two faces; null when they are the same.</summary>
    public Translation? Translation { get; init; }

    /// <summary>The second half of a conversation of a port with itself; it lasts as long as the first lets it.</summary>
    public bool IsReturning { get; init; }

    /// <summary>It only holds together what was decided without a connection.</summary>
    public bool IsPlaceholder { get; init; }

    /// <summary>What somebody must keep of it, so that it can be restored.</summary>
    public ConversationMarks Marks
    {
        get
        {
            if (IsPlaceholder)
            {
                return ConversationMarks.None;
            }

            int flags = Volatile.Read(ref _tcpFlags);
            return ConversationMarks.Stateful
                | (Direction == Direction.Inbound ? ConversationMarks.BegunInbound : 0)
                | (IsAnswered ? ConversationMarks.Answered : 0)
                | (Translation is not null ? ConversationMarks.Translated : 0)
                | (Translation?.Binding is not null ? ConversationMarks.HoldsBinding : 0)
                | (IsReturning ? ConversationMarks.Returning : 0)
                | ((flags & Fin) != 0 ? ConversationMarks.OutboundFin : 0)
                | ((flags & Reset) != 0 ? ConversationMarks.OutboundReset : 0)
                | ((flags & (Fin << InboundShift)) != 0 ? ConversationMarks.InboundFin : 0)
                | ((flags & (Reset << InboundShift)) != 0 ? ConversationMarks.InboundReset : 0);
        }
    }

    /// <summary>The generation it was last judged under.</summary>
    public uint Generation { get; set; }

    /// <summary>The idle time its rule gave it, seconds; 0 is that of its protocol and state.</summary>
    public ushort IdleSeconds { get; init; }

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

    /// <summary><see cref="LastSeen"/> as it was when somebody noted the conversation for want of flows; null when nobody has.</summary>
    public long? NotedAt { get; set; }

    /// <summary>Head of the list of its flows.</summary>
    public UnifiedFlow? FirstFlow { get; private set; }

    /// <summary>A reset, or FIN from both sides.</summary>
    public bool IsClosed => State == ConnectionState.Closed;

    /// <summary>The next connection of its bucket; the table's.</summary>
    public Connection? NextInBucket
    {
        get => _nextInBucket;
        set => _nextInBucket = value;
    }

    /// <summary>Where <see cref="NextInBucket"/> is kept.</summary>
    public ref Connection? NextInBucketRef => ref _nextInBucket;

    /// <summary>Set by the table: its state may change without the table's knowledge.</summary>
    public bool CountsAsHalfOpen { get; set; }

    /// <summary>A TCP connection that waits for its answer.</summary>
    public bool IsHalfOpen => Key.Protocol == IPProtocols.Tcp && State == ConnectionState.Opening;

    /// <summary>How far it has come.</summary>
    public ConnectionState State
    {
        get
        {
            int flags = Volatile.Read(ref _tcpFlags);
            int either = flags | (flags >> InboundShift), both = flags & (flags >> InboundShift);
            if ((either & Reset) != 0 || (both & Fin) != 0)
            {
                return ConnectionState.Closed;
            }

            return (either & Fin) != 0 ? ConnectionState.Closing : IsAnswered ? ConnectionState.Established : ConnectionState.Opening;
        }
    }

    /// <summary>True for TCP flags that begin a connection: SYN without ACK.</summary>
    public static bool IsOpening(in ParsedPacket packet) => (packet.TcpFlags & 0x12) == Syn && packet.Ufid.Protocol == IPProtocols.Tcp;

    /// <summary>The conversation as somebody can note it: the packet that began it, and what <see cref="Marks"/> says.</summary>
    public CarriedFlow ToCarried()
    {
        Ufid guest = Initiator, network = Translation is { } translation ? translation.Network.ToFlow(Direction) : guest;
        return Direction == Direction.Outbound
            ? new CarriedFlow(guest, Direction, network, Marks, IdleSeconds, LastSeen) { IsNote = true }
            : new CarriedFlow(network, Direction, guest, Marks, IdleSeconds, LastSeen) { IsNote = true };
    }

    /// <summary>Notes FIN and RST. Called without a lock for the few packets that carry them.</summary>
    public void Observe(Direction direction, byte tcpFlags, long now)
    {
        int seen = tcpFlags & (Fin | Reset);
        if (seen == 0)
        {
            return;
        }

        _ = Interlocked.Or(ref _tcpFlags, seen << (direction == Direction.Inbound ? InboundShift : 0));
        if ((seen & Reset) != 0)
        {
            Volatile.Write(ref _resetAt, now);
        }
    }

    /// <summary>Notes what was known of it before, and when it was last used.</summary>
    public void Restore(ConversationMarks marks, Direction seen, long lastSeen)
    {
        bool isAnswered = (marks & ConversationMarks.Answered) != 0;
        SeenOutbound |= isAnswered || seen == Direction.Outbound;
        SeenInbound |= isAnswered || seen == Direction.Inbound;
        LastSeen = Math.Max(LastSeen, lastSeen);
        Observe(Direction.Outbound, FlagsOf(marks, ConversationMarks.OutboundFin, ConversationMarks.OutboundReset), lastSeen);
        Observe(Direction.Inbound, FlagsOf(marks, ConversationMarks.InboundFin, ConversationMarks.InboundReset), lastSeen);

        static byte FlagsOf(ConversationMarks marks, ConversationMarks fin, ConversationMarks reset) =>
            (byte)(((marks & fin) != 0 ? Fin : 0) | ((marks & reset) != 0 ? Reset : 0));
    }

    /// <summary>
    /// Learns from its flows when it was last used. A reset that its receiver did not believe (it lay outside the window, or somebody guessed it)
    /// ends nothing: when packets go on in both directions long after it, the connection lives.
    /// </summary>
    public void Fold()
    {
        const long disbeliefMs = 2_000;
        int flags = Volatile.Read(ref _tcpFlags);
        bool isReset = ((flags | (flags >> InboundShift)) & Reset) != 0;
        long believedBy = Volatile.Read(ref _resetAt) + disbeliefMs;
        int live = 0;
        for (UnifiedFlow? flow = FirstFlow; flow is not null; flow = flow.NextOfConnection)
        {
            LastSeen = Math.Max(LastSeen, flow.LastUsed);
            live |= isReset && flow.LastUsed >= believedBy ? 1 << (int)flow.Direction : 0;
        }

        if (live == 3)
        {
            _ = Interlocked.And(ref _tcpFlags, ~(Reset | (Reset << InboundShift)));
        }
    }

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

/// <summary>How far a conversation has come.</summary>
public enum ConnectionState : byte
{
    /// <summary>Begun, not answered: half open.</summary>
    Opening,

    /// <summary>Answered.</summary>
    Established,

    /// <summary>TCP with a FIN from one side.</summary>
    Closing,

    /// <summary>TCP with a FIN from both sides, or a reset.</summary>
    Closed,
}

/// <summary>What tells one connection of a port from another: the 5-tuple, as the VM sees it; for ICMP echo the identifier.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ConnectionKey(InetAddress Local, InetAddress Remote, ushort LocalPort, ushort RemotePort, byte Protocol)
{
    // What the remote port of ICMP holds: an echo conversation is begun by whoever asks, and only its answers come back; no other message is part of one.
    private const ushort GuestAsks = 0, NetworkAsks = 1, NobodyAsks = 2;

    // A random start of each process: nobody outside can choose tuples that fall into one bucket.
    private static readonly ulong s_seed = (ulong)Random.Shared.NextInt64();

    public static ConnectionKey Of(Direction direction, in Ufid flow)
    {
        if (IcmpFlows.IsIcmp(in flow))
        {
            ushort asks = IcmpFlows.IsEchoRequest(in flow) ? AskedBy(direction)
                : IcmpFlows.IsEchoReply(in flow) ? AskedBy(direction == Direction.Outbound ? Direction.Inbound : Direction.Outbound)
                : NobodyAsks;
            return direction == Direction.Outbound
                ? new ConnectionKey(flow.Source, flow.Destination, flow.SourcePort, asks, flow.Protocol)
                : new ConnectionKey(flow.Destination, flow.Source, flow.SourcePort, asks, flow.Protocol);
        }

        return direction == Direction.Outbound
            ? new ConnectionKey(flow.Source, flow.Destination, flow.SourcePort, flow.DestinationPort, flow.Protocol)
            : new ConnectionKey(flow.Destination, flow.Source, flow.DestinationPort, flow.SourcePort, flow.Protocol);
    }

    /// <summary>The remote port of an echo conversation whose requests go in that direction.</summary>
    public static ushort AskedBy(Direction direction) => direction == Direction.Outbound ? GuestAsks : NetworkAsks;

    /// <summary>The same conversation as the one who answers on the same port knows it.</summary>
    public ConnectionKey Reversed => Protocol is IPProtocols.Icmp or IPProtocols.IcmpV6
        ? this with { Local = Remote, Remote = Local, RemotePort = (ushort)(RemotePort ^ GuestAsks ^ NetworkAsks) }
        : new ConnectionKey(Remote, Local, RemotePort, LocalPort, Protocol);

    /// <summary>The flow id of a packet of the conversation, without MACs; of ICMP the echo request.</summary>
    public Ufid ToFlow(Direction direction)
    {
        bool isIPv4 = Local.IsIPv4, isOutbound = direction == Direction.Outbound;
        ushort etherType = isIPv4 ? EtherTypes.IPv4 : EtherTypes.IPv6;
        bool isIcmp = Protocol == (isIPv4 ? IPProtocols.Icmp : IPProtocols.IcmpV6);
        ushort sourcePort = isIcmp || isOutbound ? LocalPort : RemotePort;
        ushort destinationPort = isIcmp ? IcmpFlows.EchoRequest(isIPv4) : isOutbound ? RemotePort : LocalPort;
        return new Ufid(
            isOutbound ? Local : Remote, isOutbound ? Remote : Local, default, default, etherType, Protocol, FragmentClass.Whole, sourcePort, destinationPort);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Local}:{LocalPort}-{Remote}:{RemotePort}/{Protocol}";

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
