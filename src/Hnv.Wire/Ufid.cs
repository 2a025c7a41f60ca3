using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// A unified flow id: what tells one flow of a VPort from another in one direction. Ethernet addresses, IP addresses, protocol,
/// ports (or ICMP type, code and identifier) and the fragment class, in seven words that compare and hash without branches.
/// </summary>
/// <remarks>
/// Words 0-3: source and destination in <see cref="InetAddress"/> form. Word 4: destination MAC (48 bits), protocol (8), class (8).
/// Word 5: source MAC (48 bits), EtherType (16). Word 6: source port (16), destination port (16), 32 bits zero.
/// Traffic class, TTL and TCP flags are not part of a flow's identity.
/// </remarks>
[StructLayout(LayoutKind.Sequential, Pack = 8, Size = Size)]
public readonly record struct Ufid
{
    /// <summary>Bytes.</summary>
    public const int Size = 56;

    private readonly InetAddress _source;
    private readonly InetAddress _destination;
    private readonly ulong _destinationMacProtocolClass;
    private readonly ulong _sourceMacEtherType;
    private readonly ulong _ports;

    /// <summary>The id of these parts.</summary>
    public Ufid(
        InetAddress source,
        InetAddress destination,
        MacAddress sourceMac,
        MacAddress destinationMac,
        ushort etherType,
        byte protocol,
        FragmentClass fragment,
        ushort sourcePort,
        ushort destinationPort)
    {
        _source = source;
        _destination = destination;
        _destinationMacProtocolClass = (destinationMac.Value << 16) | ((ulong)protocol << 8) | (byte)fragment;
        _sourceMacEtherType = (sourceMac.Value << 16) | etherType;
        _ports = ((ulong)sourcePort << 48) | ((ulong)destinationPort << 32);
    }

    /// <summary>Source IP address.</summary>
    public InetAddress Source => _source;

    /// <summary>Destination IP address.</summary>
    public InetAddress Destination => _destination;

    /// <summary>Source Ethernet address.</summary>
    public MacAddress SourceMac => MacAddress.FromNumber(_sourceMacEtherType >> 16);

    /// <summary>Destination Ethernet address.</summary>
    public MacAddress DestinationMac => MacAddress.FromNumber(_destinationMacProtocolClass >> 16);

    /// <summary>EtherType of the frame.</summary>
    public ushort EtherType => (ushort)_sourceMacEtherType;

    /// <summary>IP protocol; the upper-layer protocol behind IPv6 extension headers.</summary>
    public byte Protocol => (byte)(_destinationMacProtocolClass >> 8);

    /// <summary>Whether the packet is whole, a first fragment or a later one (which has no ports).</summary>
    public FragmentClass Fragment => (FragmentClass)_destinationMacProtocolClass;

    /// <summary>Source port of TCP, UDP and SCTP; for ICMP echo the identifier; 0 otherwise.</summary>
    public ushort SourcePort => (ushort)(_ports >> 48);

    /// <summary>Destination port of TCP, UDP and SCTP; for ICMP type &lt;&lt; 8 | code; 0 otherwise.</summary>
    public ushort DestinationPort => (ushort)(_ports >> 32);

    /// <summary>
    /// A 32-bit mix of all words: the same for the same flow in one process, well spread in its low and high bits. <see cref="Entropy"/>
    /// is made of it, so it does not depend on the process: no random seed.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint Hash()
    {
        const ulong k0 = 0x9E37_79B9_7F4A_7C15, k1 = 0xC2B2_AE3D_27D4_EB4F, k2 = 0x1656_67B1_9E37_79F9, k3 = 0xD6E8_FEB8_6659_FD93;
        ulong a = Mix(_source.High ^ k0, _source.Low ^ k1);
        ulong b = Mix(_destination.High ^ k1, _destination.Low ^ k2);
        ulong c = Mix(_destinationMacProtocolClass ^ k2, _sourceMacEtherType ^ k3);
        ulong d = Mix(_ports ^ k3, a ^ k0);
        ulong e = Mix(b ^ d, c ^ k1);
        return (uint)(e ^ (e >> 32));
    }

    /// <summary>
    /// What spreads flows over paths: the same for every packet of a flow, and for all fragments of one datagram, so that they stay in order. It feeds
    /// the UDP source port and the NVGRE FlowID (RFC 7348 §5, RFC 7637 §3.3).
    /// </summary>
    public uint Entropy() => Fragment == FragmentClass.Whole
        ? Hash()
        : new Ufid(Source, Destination, SourceMac, DestinationMac, EtherType, Protocol, FragmentClass.Whole, 0, 0).Hash();

    /// <inheritdoc/>
    public override int GetHashCode() => (int)Hash();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong x, ulong y)
    {
        ulong high = Math.BigMul(x, y, out ulong low);
        return high ^ low;
    }
}

/// <summary>Where a packet stands in a fragmented datagram.</summary>
public enum FragmentClass : byte
{
    /// <summary>Not fragmented.</summary>
    Whole = 0,

    /// <summary>The first fragment: it has the transport header.</summary>
    First = 1,

    /// <summary>A later fragment: it has no transport header.</summary>
    Later = 2,
}
