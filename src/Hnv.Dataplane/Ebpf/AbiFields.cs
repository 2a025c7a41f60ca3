using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Dataplane.Ebpf;

/// <summary>Our types as the maps hold them.</summary>
internal static class AbiFields
{
    public static AddressWords Words(InetAddress address)
    {
        AddressWords words = default;
        Span<byte> bytes = MemoryMarshal.AsBytes((Span<uint>)words);
        BinaryPrimitives.WriteUInt64BigEndian(bytes, address.High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], address.Low);
        return words;
    }

    public static MacBytes Bytes(MacAddress mac)
    {
        MacBytes bytes = default;
        mac.Write(bytes);
        return bytes;
    }

    public static ushort Be(ushort value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    /// <summary>The key of a flow.</summary>
    /// <param name="flow">Its id.</param>
    /// <param name="direction">As the VM sees it.</param>
    /// <param name="scope">Outbound the sending port's index; inbound the VSID.</param>
    public static FlowKey KeyOf(in Ufid flow, Direction direction, uint scope) => new()
    {
        Source = Words(flow.Source),
        Destination = Words(flow.Destination),
        Scope = scope,
        DestinationMac = Bytes(flow.DestinationMac),
        SourceMac = Bytes(flow.SourceMac),
        SourcePortBe = Be(flow.SourcePort),
        DestinationPortBe = Be(flow.DestinationPort),
        EtherTypeBe = Be(flow.EtherType),
        Protocol = flow.Protocol,
        Direction = direction == Direction.Outbound ? (byte)Abi.DirectionOutbound : (byte)Abi.DirectionInbound,
    };
}
