using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// An ARP packet for IPv4 over Ethernet (RFC 826).
/// <code>
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Hardware type = 1 (Ethernet)|    Protocol type = 0x0800     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | HW length = 6 | Pr length = 4 |           Operation           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                   Sender MAC (6 bytes)                        |
/// +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                               |        Sender address ...     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |        ... Sender address     |                               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
/// |                   Target MAC (6 bytes)                        |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                        Target address                         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct ArpMessage
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 28;

    /// <summary>Value of <see cref="Operation"/>: who has the target address?</summary>
    public const ushort Request = 1;

    /// <summary>Value of <see cref="Operation"/>: the sender has it.</summary>
    public const ushort Reply = 2;

    private const ushort EthernetHardware = 1;

    /// <summary>An empty message of the right types and lengths.</summary>
    public ArpMessage()
    {
        HardwareType = EthernetHardware;
        ProtocolType = EtherTypes.IPv4;
        HardwareLength = MacAddress.Size;
        ProtocolLength = IPv4Be.Size;
    }

    /// <summary>1: Ethernet.</summary>
    public U16Be HardwareType { get; private init; }

    /// <summary>0x0800: IPv4.</summary>
    public U16Be ProtocolType { get; private init; }

    /// <summary>6.</summary>
    public byte HardwareLength { get; private init; }

    /// <summary>4.</summary>
    public byte ProtocolLength { get; private init; }

    /// <summary><see cref="Request"/> or <see cref="Reply"/>.</summary>
    public U16Be Operation { get; init; }

    /// <summary>Who speaks.</summary>
    public MacBe SenderMac { get; init; }

    /// <summary>The address it claims to have; 0.0.0.0 in a probe (RFC 5227).</summary>
    public IPv4Be SenderAddress { get; init; }

    /// <summary>In a reply, who asked.</summary>
    public MacBe TargetMac { get; init; }

    /// <summary>In a request, the address that is looked for.</summary>
    public IPv4Be TargetAddress { get; init; }

    /// <summary>True when sender and target address are one: an announcement (RFC 5227 §3).</summary>
    public bool IsGratuitous => SenderAddress == TargetAddress;

    /// <summary>Reads what lies behind the Ethernet header; padding may follow.</summary>
    /// <returns>False when the bytes are short, not IPv4 over Ethernet, or neither request nor reply.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out ArpMessage message) =>
        MemoryMarshal.TryRead(bytes, out message)
        && message.HardwareType == EthernetHardware
        && message.ProtocolType == EtherTypes.IPv4
        && message.HardwareLength == MacAddress.Size
        && message.ProtocolLength == IPv4Be.Size
        && message.Operation.Host is Request or Reply;

    /// <summary>Writes <see cref="Size"/> bytes.</summary>
    public void Write(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);

    /// <summary>The answer to this request: its target address is at <paramref name="mac"/>.</summary>
    public ArpMessage Answer(MacAddress mac) => new()
    {
        Operation = Reply,
        SenderMac = mac,
        SenderAddress = TargetAddress,
        TargetMac = SenderMac,
        TargetAddress = SenderAddress,
    };

    /// <summary>Writes the untagged frame from sender MAC to target MAC.</summary>
    /// <param name="frame">Takes 42 bytes.</param>
    /// <returns>The frame's length.</returns>
    public int WriteFrame(Span<byte> frame)
    {
        new EthernetHeader { Destination = TargetMac, Source = SenderMac, EtherType = EtherTypes.Arp }.Write(frame);
        Write(frame[EthernetHeader.Size..]);
        return EthernetHeader.Size + Size;
    }
}
