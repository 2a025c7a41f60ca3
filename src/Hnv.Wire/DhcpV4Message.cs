using System.Buffers.Binary;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>DHCP message types (RFC 2132 §9.6).</summary>
public enum DhcpV4MessageType : byte
{
    /// <summary>No message.</summary>
    None = 0,

    /// <summary>A client looks for servers.</summary>
    Discover = 1,

    /// <summary>A server offers an address.</summary>
    Offer = 2,

    /// <summary>A client takes an offer, or verifies or extends its lease.</summary>
    Request = 3,

    /// <summary>A client found its address in use.</summary>
    Decline = 4,

    /// <summary>A server commits.</summary>
    Ack = 5,

    /// <summary>A server refuses.</summary>
    Nak = 6,

    /// <summary>A client gives its address back.</summary>
    Release = 7,

    /// <summary>A client that has an address asks for the rest.</summary>
    Inform = 8,
}

/// <summary>
/// What a client's DHCP message says (RFC 2131 §2, RFC 2132).
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +---------------+---------------+---------------+---------------+
/// |     op (1)    |   htype (1)   |   hlen (1)    |   hops (1)    |
/// +---------------+---------------+---------------+---------------+
/// |                            xid (4)                            |
/// +-------------------------------+-------------------------------+
/// |           secs (2)            |           flags (2)           |
/// +-------------------------------+-------------------------------+
/// |                          ciaddr  (4)                          |
/// |                          yiaddr  (4)                          |
/// |                          siaddr  (4)                          |
/// |                          giaddr  (4)                          |
/// |                          chaddr  (16)                         |
/// |                          sname   (64)                         |
/// |                          file    (128)                        |
/// |                 magic cookie (4), options (variable)          |
/// +---------------------------------------------------------------+
/// </code>
/// </summary>
public readonly record struct DhcpV4Message
{
    /// <summary>The server's UDP port.</summary>
    public const ushort ServerPort = 67;

    /// <summary>The client's UDP port.</summary>
    public const ushort ClientPort = 68;

    internal const int OptionsOffset = 240;
    internal const int TransactionIdOffset = 4;
    internal const int FlagsOffset = 10;
    internal const int ClientAddressOffset = 12;
    internal const int YourAddressOffset = 16;
    internal const int RelayAddressOffset = 24;
    internal const int ClientMacOffset = 28;
    internal const int CookieOffset = 236;
    internal const uint Cookie = 0x6382_5363;
    internal const ushort BroadcastFlag = 0x8000;
    internal const byte HardwareEthernet = 1;
    private const byte BootRequest = 1;

    /// <summary>Which message.</summary>
    public DhcpV4MessageType Type { get; init; }

    /// <summary>What the reply must repeat.</summary>
    public uint TransactionId { get; init; }

    /// <summary>The client cannot take a unicast reply yet.</summary>
    public bool WantsBroadcast { get; init; }

    /// <summary>The address the client has and answers ARP for; 0.0.0.0 when none.</summary>
    public InetAddress ClientAddress { get; init; }

    /// <summary>The client's Ethernet address by its own word: hold it against the frame's.</summary>
    public MacAddress ClientMac { get; init; }

    /// <summary>Option 50, the address the client would like; 0.0.0.0 when none.</summary>
    public InetAddress RequestedAddress { get; init; }

    /// <summary>Option 54, the server the client has chosen; 0.0.0.0 when none.</summary>
    public InetAddress ServerIdentifier { get; init; }

    /// <summary>Option 57, the longest IP packet the client takes, bytes; 0 when not said.</summary>
    public int MessageSizeMax { get; init; }

    /// <summary>Option 55, what the client wants to know; empty when it does not say.</summary>
    public DhcpOptionSet Parameters { get; init; }

    /// <summary>Where the bytes of option 61, the client identifier, lie from the frame's first byte.</summary>
    public int ClientIdentifierOffset { get; init; }

    /// <summary>Bytes of the client identifier; 0 when there is none.</summary>
    public int ClientIdentifierLength { get; init; }

    /// <summary>True for a message of a DHCP or BOOTP server by its ports, which a guest under DHCP guard may not send.</summary>
    public static bool IsServerMessage(in ParsedPacket packet) =>
        packet is { EtherType: EtherTypes.IPv4, Ufid: { Protocol: IPProtocols.Udp, SourcePort: ServerPort } };

    /// <summary>Reads a message from a client on this link.</summary>
    /// <returns>
    /// False when the packet is no whole UDP datagram to the server's port, is no DHCP request over Ethernet, comes by a relay agent, has
    /// a malformed option, or spreads its options over the fixed fields (option 52), as no client does that asks for this little.
    /// </returns>
    public static bool TryRead(ReadOnlySpan<byte> frame, in ParsedPacket packet, out DhcpV4Message message)
    {
        message = default;
        if (packet is not { EtherType: EtherTypes.IPv4, Ufid: { Protocol: IPProtocols.Udp, DestinationPort: ServerPort, Fragment: FragmentClass.Whole } })
        {
            return false;
        }

        // The datagram may be shorter than the packet; the parser has seen that it is not longer.
        int length = BinaryPrimitives.ReadUInt16BigEndian(frame[(packet.TransportOffset + 4)..]) - UdpHeader.Size;
        ReadOnlySpan<byte> body = frame.Slice(packet.PayloadOffset, length);
        if (length < OptionsOffset
            || body[0] != BootRequest
            || body[1] != HardwareEthernet
            || body[2] != MacAddress.Size
            || BinaryPrimitives.ReadUInt32BigEndian(body[CookieOffset..]) != Cookie
            || BinaryPrimitives.ReadUInt32BigEndian(body[RelayAddressOffset..]) != 0)
        {
            return false;
        }

        var begun = new DhcpV4Message
        {
            TransactionId = BinaryPrimitives.ReadUInt32BigEndian(body[TransactionIdOffset..]),
            WantsBroadcast = (BinaryPrimitives.ReadUInt16BigEndian(body[FlagsOffset..]) & BroadcastFlag) != 0,
            ClientAddress = InetAddress.ReadIPv4(body[ClientAddressOffset..]),
            ClientMac = MacAddress.Read(body[ClientMacOffset..]),
            RequestedAddress = InetAddress.FromIPv4(0),
            ServerIdentifier = InetAddress.FromIPv4(0),
        };
        return TryReadOptions(body[OptionsOffset..], packet.PayloadOffset + OptionsOffset, begun, out message);
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> options, int frameOffset, DhcpV4Message begun, out DhcpV4Message message)
    {
        message = default;
        int at = 0;
        while (at < options.Length && options[at] != DhcpV4Options.End)
        {
            byte code = options[at];
            if (code == DhcpV4Options.Pad)
            {
                at++;
                continue;
            }

            if (options.Length - at < 2 || options[at + 1] > options.Length - at - 2)
            {
                return false;
            }

            ReadOnlySpan<byte> value = options.Slice(at + 2, options[at + 1]);
            if (!TryTake(code, value, frameOffset + at + 2, ref begun))
            {
                return false;
            }

            at += 2 + value.Length;
        }

        message = begun;
        return begun.Type is >= DhcpV4MessageType.Discover and <= DhcpV4MessageType.Inform;
    }

    private static bool TryTake(byte code, ReadOnlySpan<byte> value, int frameOffset, ref DhcpV4Message message)
    {
        switch (code)
        {
            case DhcpV4Options.MessageType when value.Length == 1:
                message = message with { Type = (DhcpV4MessageType)value[0] };
                return true;
            case DhcpV4Options.RequestedAddress when value.Length == IPv4Be.Size:
                message = message with { RequestedAddress = InetAddress.ReadIPv4(value) };
                return true;
            case DhcpV4Options.ServerIdentifier when value.Length == IPv4Be.Size:
                message = message with { ServerIdentifier = InetAddress.ReadIPv4(value) };
                return true;
            case DhcpV4Options.MessageSizeMax when value.Length == 2:
                message = message with { MessageSizeMax = BinaryPrimitives.ReadUInt16BigEndian(value) };
                return true;
            case DhcpV4Options.ParameterRequestList:
                message = message with { Parameters = message.Parameters.With(value) };
                return true;
            case DhcpV4Options.ClientIdentifier when value.Length > 0:
                message = message with { ClientIdentifierOffset = frameOffset, ClientIdentifierLength = value.Length };
                return true;
            case DhcpV4Options.MessageType
                or DhcpV4Options.RequestedAddress
                or DhcpV4Options.ServerIdentifier
                or DhcpV4Options.MessageSizeMax
                or DhcpV4Options.ClientIdentifier
                or DhcpV4Options.Overload:
                return false;
            default:
                return true;
        }
    }
}

/// <summary>A set of option codes, 0 … 255.</summary>
public readonly record struct DhcpOptionSet
{
    private readonly ulong _codes0;
    private readonly ulong _codes64;
    private readonly ulong _codes128;
    private readonly ulong _codes192;

    private DhcpOptionSet(ulong codes0, ulong codes64, ulong codes128, ulong codes192)
    {
        _codes0 = codes0;
        _codes64 = codes64;
        _codes128 = codes128;
        _codes192 = codes192;
    }

    /// <summary>True when nothing is in it.</summary>
    public bool IsEmpty => (_codes0 | _codes64 | _codes128 | _codes192) == 0;

    /// <summary>True when the code is in it.</summary>
    public bool Contains(byte code)
    {
        ulong word = (code >> 6) switch
        {
            0 => _codes0,
            1 => _codes64,
            2 => _codes128,
            _ => _codes192,
        };
        return (word >> (code & 63) & 1) != 0;
    }

    internal DhcpOptionSet With(ReadOnlySpan<byte> codes)
    {
        Span<ulong> words = [_codes0, _codes64, _codes128, _codes192];
        foreach (byte code in codes)
        {
            words[code >> 6] |= 1UL << (code & 63);
        }

        return new DhcpOptionSet(words[0], words[1], words[2], words[3]);
    }
}

/// <summary>DHCP option codes (RFC 2132, RFC 3442).</summary>
internal static class DhcpV4Options
{
    public const byte Pad = 0;
    public const byte SubnetMask = 1;
    public const byte Router = 3;
    public const byte DnsServers = 6;
    public const byte DomainName = 15;
    public const byte Mtu = 26;
    public const byte RequestedAddress = 50;
    public const byte LeaseTime = 51;
    public const byte Overload = 52;
    public const byte MessageType = 53;
    public const byte ServerIdentifier = 54;
    public const byte ParameterRequestList = 55;
    public const byte MessageSizeMax = 57;
    public const byte RenewalTime = 58;
    public const byte RebindingTime = 59;
    public const byte ClientIdentifier = 61;
    public const byte ClasslessRoutes = 121;
    public const byte ClasslessRoutesOfMicrosoft = 249;
    public const byte End = 255;
}
