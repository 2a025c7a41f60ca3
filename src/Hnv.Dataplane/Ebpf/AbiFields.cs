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

    public static InetAddress Address(AddressWords words)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes((ReadOnlySpan<uint>)words);
        return InetAddress.FromNumbers(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));
    }

    /// <summary>The flow that a key stands for.</summary>
    public static Ufid FlowOf(in FlowKey key) => new(
        Address(key.Source),
        Address(key.Destination),
        MacAddress.Read(key.SourceMac),
        MacAddress.Read(key.DestinationMac),
        Be(key.EtherTypeBe),
        key.Protocol,
        FragmentClass.Whole,
        Be(key.SourcePortBe),
        Be(key.DestinationPortBe));

    /// <summary>The same packet behind the translation that an action makes.</summary>
    public static Ufid TranslatedBy(in FlowAction action, in Ufid flow) => new(
        (action.Edits & Abi.EditSource) != 0 ? Address(action.Source) : flow.Source,
        (action.Edits & Abi.EditDestination) != 0 ? Address(action.Destination) : flow.Destination,
        flow.SourceMac,
        flow.DestinationMac,
        flow.EtherType,
        flow.Protocol,
        flow.Fragment,
        (action.Edits & Abi.EditSourcePort) != 0 ? Be(action.SourcePortBe) : flow.SourcePort,
        (action.Edits & Abi.EditDestinationPort) != 0 ? Be(action.DestinationPortBe) : flow.DestinationPort);

    /// <summary>True when both are the same to the last byte.</summary>
    public static bool Same<T>(in T left, in T right)
        where T : unmanaged =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in left)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in right)));

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
