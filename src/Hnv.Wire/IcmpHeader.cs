using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>
/// The first eight bytes of an ICMP message (RFC 792) or ICMPv6 message (RFC 4443 §2.1).
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |     Type      |     Code      |           Checksum            |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Rest: identifier and sequence, MTU, flags, or unused        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct IcmpHeader
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 8;

    /// <summary>Where <see cref="Checksum"/> lies.</summary>
    public const int ChecksumOffset = 2;

    /// <summary>Type; see <see cref="IcmpTypes"/>.</summary>
    public byte Type { get; init; }

    /// <summary>Code.</summary>
    public byte Code { get; init; }

    /// <summary>Internet checksum of the message; for ICMPv6 of the pseudo-header too.</summary>
    public U16Be Checksum { get; init; }

    /// <summary>What the type makes of it; for echo the identifier (upper half) and sequence number.</summary>
    public U32Be Rest { get; init; }

    /// <returns>False when the bytes are short.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out IcmpHeader header) => MemoryMarshal.TryRead(bytes, out header);

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);
}

/// <summary>ICMP and ICMPv6 message types (IANA).</summary>
public static class IcmpTypes
{
    /// <summary>ICMP echo reply.</summary>
    public const byte EchoReply = 0;

    /// <summary>ICMP destination unreachable.</summary>
    public const byte DestinationUnreachable = 3;

    /// <summary>Code of <see cref="DestinationUnreachable"/>: no route to the network.</summary>
    public const byte NetworkUnreachableCode = 0;

    /// <summary>Code of <see cref="DestinationUnreachable"/>: fragmentation needed and DF set; the MTU is in the rest (RFC 1191).</summary>
    public const byte FragmentationNeededCode = 4;

    /// <summary>Code of <see cref="DestinationUnreachable"/>: communication administratively prohibited (RFC 1812 §5.2.7.1).</summary>
    public const byte ProhibitedCode = 13;

    /// <summary>ICMP echo request.</summary>
    public const byte EchoRequest = 8;

    /// <summary>ICMP time exceeded.</summary>
    public const byte TimeExceeded = 11;

    /// <summary>ICMPv6 destination unreachable.</summary>
    public const byte V6DestinationUnreachable = 1;

    /// <summary>Code of <see cref="V6DestinationUnreachable"/>: no route.</summary>
    public const byte V6NoRouteCode = 0;

    /// <summary>Code of <see cref="V6DestinationUnreachable"/>: communication administratively prohibited.</summary>
    public const byte V6ProhibitedCode = 1;

    /// <summary>ICMPv6 packet too big; the MTU is in the rest.</summary>
    public const byte V6PacketTooBig = 2;

    /// <summary>ICMPv6 time exceeded.</summary>
    public const byte V6TimeExceeded = 3;

    /// <summary>ICMPv6 parameter problem.</summary>
    public const byte V6ParameterProblem = 4;

    /// <summary>ICMPv6 echo request.</summary>
    public const byte V6EchoRequest = 128;

    /// <summary>ICMPv6 echo reply.</summary>
    public const byte V6EchoReply = 129;

    /// <summary>ICMPv6 router solicitation (RFC 4861 §4.1).</summary>
    public const byte RouterSolicitation = 133;

    /// <summary>ICMPv6 router advertisement (RFC 4861 §4.2).</summary>
    public const byte RouterAdvertisement = 134;

    /// <summary>ICMPv6 neighbour solicitation (RFC 4861 §4.3).</summary>
    public const byte NeighborSolicitation = 135;

    /// <summary>ICMPv6 neighbour advertisement (RFC 4861 §4.4).</summary>
    public const byte NeighborAdvertisement = 136;

    /// <summary>ICMPv6 redirect (RFC 4861 §4.5).</summary>
    public const byte V6Redirect = 137;
}
