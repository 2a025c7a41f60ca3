using System.Runtime.InteropServices;

namespace Hnv.Linux;

/// <summary>
/// What a packet socket or TAP says in front of every frame (linux/virtio_net.h, native byte order): whether the transport checksum is
/// still to be computed, and how a super-packet is to be cut.
/// <code>
/// 0      1          2..3        4..5      6..7        8..9
/// flags  gso_type   header len  gso size  csum start  csum offset
/// </code>
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public record struct VirtioNetHeader
{
    /// <summary>Bytes in front of a frame.</summary>
    public const int Size = 10;

    /// <summary>Flag: the field at csum start + csum offset holds the pseudo-header sum; the rest is to be added.</summary>
    public const byte NeedsChecksum = 1;

    /// <summary>GSO type: not a super-packet.</summary>
    public const byte GsoNone = 0;

    /// <summary>GSO type: TCP over IPv4.</summary>
    public const byte GsoTcpV4 = 1;

    /// <summary>GSO type: TCP over IPv6.</summary>
    public const byte GsoTcpV6 = 4;

    /// <summary>GSO type: a train of UDP datagrams (USO).</summary>
    public const byte GsoUdpL4 = 5;

    /// <summary>Bit beside the type: the first segment alone carries CWR (RFC 3168).</summary>
    public const byte GsoEcn = 0x80;

    /// <summary>Flag bits.</summary>
    public byte Flags;

    /// <summary>One of the GSO types, with <see cref="GsoEcn"/>.</summary>
    public byte GsoType;

    /// <summary>Bytes of all headers; a hint.</summary>
    public ushort HeaderLength;

    /// <summary>Payload bytes of one segment.</summary>
    public ushort GsoSize;

    /// <summary>Where the checksum begins, from the frame's first byte.</summary>
    public ushort ChecksumStart;

    /// <summary>Where it is stored, from <see cref="ChecksumStart"/>.</summary>
    public ushort ChecksumOffset;
}
