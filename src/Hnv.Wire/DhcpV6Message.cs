using System.Buffers.Binary;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>DHCP message types of IPv6 (RFC 8415 §7.3).</summary>
public enum DhcpV6MessageType : byte
{
    /// <summary>No message.</summary>
    None = 0,

    /// <summary>A client looks for servers.</summary>
    Solicit = 1,

    /// <summary>A server offers.</summary>
    Advertise = 2,

    /// <summary>A client takes an offer.</summary>
    Request = 3,

    /// <summary>A client asks whether its addresses still fit the link.</summary>
    Confirm = 4,

    /// <summary>A client extends its lease with the server it is of.</summary>
    Renew = 5,

    /// <summary>A client extends its lease with any server.</summary>
    Rebind = 6,

    /// <summary>A server answers.</summary>
    Reply = 7,

    /// <summary>A client gives its addresses back.</summary>
    Release = 8,

    /// <summary>A client found an address in use.</summary>
    Decline = 9,

    /// <summary>A client asks for everything but an address.</summary>
    InformationRequest = 11,
}

/// <summary>
/// What a client's DHCPv6 message says (RFC 8415 §8): type (1 byte), transaction id (3 bytes), options (code and length of 2 bytes each).
/// </summary>
public readonly record struct DhcpV6Message
{
    /// <summary>The server's UDP port.</summary>
    public const ushort ServerPort = 547;

    /// <summary>The client's UDP port.</summary>
    public const ushort ClientPort = 546;

    /// <summary>Options that are read in one message.</summary>
    internal const int OptionsMax = 64;

    internal const int HeaderSize = 4;

    /// <summary>Bytes of the longest DUID (RFC 8415 §11.1).</summary>
    private const int DuidLengthMax = 130;

    private const int DuidLengthMin = 3;
    private const int RequestedOption = 2;

    /// <summary>All_DHCP_Relay_Agents_and_Servers, ff02::1:2.</summary>
    public static InetAddress AllServers { get; } = InetAddress.FromNumbers(0xFF02_0000_0000_0000, 0x1_0002);

    /// <summary>Which message.</summary>
    public DhcpV6MessageType Type { get; init; }

    /// <summary>What the reply must repeat, 24 bits.</summary>
    public uint TransactionId { get; init; }

    /// <summary>True when the client would take a committed address in answer to a solicit.</summary>
    public bool RapidCommit { get; init; }

    /// <summary>True when there is an IA_NA, a request for an address.</summary>
    public bool HasAddressRequest { get; init; }

    /// <summary>True when the client wants DNS servers, or does not say what it wants.</summary>
    public bool WantsDnsServers { get; init; }

    /// <summary>True when the client wants domains to search, or does not say what it wants.</summary>
    public bool WantsDomains { get; init; }

    /// <summary>Where the client's DUID lies from the frame's first byte.</summary>
    public int ClientIdOffset { get; init; }

    /// <summary>Its bytes; 0 when there is none, which only an information request may do.</summary>
    public int ClientIdLength { get; init; }

    /// <summary>Where the DUID of the server the client has chosen lies from the frame's first byte.</summary>
    public int ServerIdOffset { get; init; }

    /// <summary>Its bytes; 0 when there is none.</summary>
    public int ServerIdLength { get; init; }

    /// <summary>Where the options lie from the frame's first byte; all have been walked over.</summary>
    internal int OptionsOffset { get; init; }

    /// <summary>Bytes of all options.</summary>
    internal int OptionsLength { get; init; }

    /// <summary>True for a message of a DHCPv6 server by its ports, which a guest under DHCP guard may not send.</summary>
    public static bool IsServerMessage(in ParsedPacket packet) =>
        packet is { EtherType: EtherTypes.IPv6, Ufid: { Protocol: IPProtocols.Udp, SourcePort: ServerPort } };

    /// <summary>Reads a message from a client on this link.</summary>
    /// <returns>
    /// False when the packet is no whole UDP datagram to the servers' port and group, comes by a relay agent or from a server, lacks
    /// an identifier its type must have or has one it must not (RFC 8415 §16), or has a malformed option.
    /// </returns>
    public static bool TryRead(ReadOnlySpan<byte> frame, in ParsedPacket packet, out DhcpV6Message message)
    {
        message = default;
        if (packet is not { EtherType: EtherTypes.IPv6, Ufid: { Protocol: IPProtocols.Udp, DestinationPort: ServerPort, Fragment: FragmentClass.Whole } }
            || packet.Ufid.Destination != AllServers
            || !packet.Ufid.Source.IsLinkLocal)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(frame[(packet.TransportOffset + 4)..]) - UdpHeader.Size;
        ReadOnlySpan<byte> body = frame.Slice(packet.PayloadOffset, length);
        if (length < HeaderSize)
        {
            return false;
        }

        uint head = BinaryPrimitives.ReadUInt32BigEndian(body);
        var begun = new DhcpV6Message
        {
            Type = (DhcpV6MessageType)(head >> 24),
            TransactionId = head & 0xFF_FFFF,
            WantsDnsServers = true,
            WantsDomains = true,
            OptionsOffset = packet.PayloadOffset + HeaderSize,
            OptionsLength = length - HeaderSize,
        };
        if (!TryReadOptions(body[HeaderSize..], ref begun) || !HasRightIdentifiers(in begun))
        {
            return false;
        }

        message = begun;
        return true;
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> options, ref DhcpV6Message message)
    {
        int frameOffset = message.OptionsOffset;
        var reader = new DhcpV6OptionReader(options);
        for (int count = 0; reader.TryNext(out ushort code, out ReadOnlySpan<byte> value); count++)
        {
            int offset = frameOffset + reader.ValueOffset;
            bool isDuid = value.Length is >= DuidLengthMin and <= DuidLengthMax;
            switch (code)
            {
                case DhcpV6Options.ClientId when isDuid && message.ClientIdLength == 0:
                    message = message with { ClientIdOffset = offset, ClientIdLength = value.Length };
                    break;
                case DhcpV6Options.ServerId when isDuid && message.ServerIdLength == 0:
                    message = message with { ServerIdOffset = offset, ServerIdLength = value.Length };
                    break;
                case DhcpV6Options.IdentityAssociation when value.Length >= DhcpV6Options.IdentityAssociationSize:
                    message = message with { HasAddressRequest = true };
                    break;
                case DhcpV6Options.OptionRequest when value.Length % RequestedOption == 0:
                    message = message with
                    {
                        WantsDnsServers = Contains(value, DhcpV6Options.DnsServers),
                        WantsDomains = Contains(value, DhcpV6Options.Domains),
                    };
                    break;
                case DhcpV6Options.RapidCommit when value.IsEmpty:
                    message = message with { RapidCommit = true };
                    break;
                case DhcpV6Options.ClientId
                    or DhcpV6Options.ServerId
                    or DhcpV6Options.IdentityAssociation
                    or DhcpV6Options.OptionRequest
                    or DhcpV6Options.RapidCommit:
                    return false;
                default:
                    break;
            }

            if (count == OptionsMax)
            {
                return false;
            }
        }

        return reader.IsAtEnd;
    }

    private static bool Contains(ReadOnlySpan<byte> codes, ushort code)
    {
        for (; !codes.IsEmpty; codes = codes[RequestedOption..])
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(codes) == code)
            {
                return true;
            }
        }

        return false;
    }

    private static bool HasRightIdentifiers(in DhcpV6Message message)
    {
        bool client = message.ClientIdLength != 0;
        bool server = message.ServerIdLength != 0;
        return message.Type switch
        {
            DhcpV6MessageType.Solicit or DhcpV6MessageType.Confirm or DhcpV6MessageType.Rebind => client && !server,
            DhcpV6MessageType.Request or DhcpV6MessageType.Renew or DhcpV6MessageType.Release or DhcpV6MessageType.Decline => client && server,
            DhcpV6MessageType.InformationRequest => !message.HasAddressRequest,
            _ => false,
        };
    }
}

/// <summary>A walk over DHCPv6 options, which ends at the first that is cut.</summary>
internal ref struct DhcpV6OptionReader(ReadOnlySpan<byte> options)
{
    private const int OptionHeaderSize = 4;

    private readonly ReadOnlySpan<byte> _options = options;
    private int _at;

    /// <summary>Where the last option's value lies in the options.</summary>
    public int ValueOffset { get; private set; }

    /// <summary>True when all bytes were options.</summary>
    public readonly bool IsAtEnd => _at == _options.Length;

    public bool TryNext(out ushort code, out ReadOnlySpan<byte> value)
    {
        code = 0;
        value = default;
        ReadOnlySpan<byte> rest = _options[_at..];
        if (rest.Length < OptionHeaderSize)
        {
            return false;
        }

        int length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
        if (length > rest.Length - OptionHeaderSize)
        {
            return false;
        }

        code = BinaryPrimitives.ReadUInt16BigEndian(rest);
        value = rest.Slice(OptionHeaderSize, length);
        ValueOffset = _at + OptionHeaderSize;
        _at = ValueOffset + length;
        return true;
    }
}

/// <summary>DHCPv6 option codes (RFC 8415 §21, RFC 3646) and status codes.</summary>
internal static class DhcpV6Options
{
    public const ushort ClientId = 1;
    public const ushort ServerId = 2;
    public const ushort IdentityAssociation = 3;
    public const ushort Address = 5;
    public const ushort OptionRequest = 6;
    public const ushort StatusCode = 13;
    public const ushort RapidCommit = 14;
    public const ushort DnsServers = 23;
    public const ushort Domains = 24;

    /// <summary>IAID, T1 and T2; options follow.</summary>
    public const int IdentityAssociationSize = 12;

    /// <summary>Address, preferred and valid lifetime; options follow.</summary>
    public const int AddressSize = 24;

    public const ushort Success = 0;
    public const ushort NoAddressAvailable = 2;
    public const ushort NotOnLink = 4;
}
