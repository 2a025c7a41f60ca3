using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hnv.Dataplane.Ebpf;

// What the executor and the programs in bpf/ tell each other through maps. bpf/abi.h is generated from these types, field by field; a test compares.
// Fields whose name ends in Be, addresses and MACs are in network byte order, all else in the host's.

/// <summary>Numbers that both sides use.</summary>
internal static class Abi
{
    /// <summary>Seen from the VM.</summary>
    public const int DirectionOutbound = 0, DirectionInbound = 1;

    /// <summary>What becomes of a packet.</summary>
    public const int ActionEncapsulate = 1, ActionLocal = 2, ActionDeliver = 3, ActionDrop = 4;

    /// <summary>Bits of <see cref="FlowAction.Edits"/>: those of TranspositionEdits.</summary>
    public const int EditDestinationMac = 1, EditSourceMac = 2, EditDecrementTtl = 4, EditSource = 16, EditDestination = 32, EditSourcePort = 64,
        EditDestinationPort = 128, EditTranslation = 240, EditFixedDscp = 256;

    /// <summary>Tunnels.</summary>
    public const int EncapsulationVxlan = 1, EncapsulationNvgre = 2;

    /// <summary>Bits of <see cref="PortSlot.Flags"/>: frames may enter the guest's namespace directly; the executor reads the device itself.</summary>
    public const int PortIsVeth = 1, PortIsTapped = 2;

    /// <summary>What a punted packet's mark says beside the port's index: it came from the provider network, outer headers and all.</summary>
    public const uint MarkFromWire = 0x8000_0000;

    /// <summary>
    /// How much of a port's traffic may wait for the executor, in units of one packet and one more for each 1024 bytes: four thousand small packets
    /// or four megabytes.
    /// </summary>
    public const int PuntWindow = 4096, PuntCostShift = 10;
}

/// <summary>Six bytes of a MAC.</summary>
[InlineArray(6)]
internal struct MacBytes
{
    [SuppressMessage("CodeQuality", "IDE0044", Justification = "An inline array's element.")]
    private byte _first;
}

/// <summary>Four words of an address; IPv4 as ::ffff:a.b.c.d.</summary>
[InlineArray(4)]
internal struct AddressWords
{
    [SuppressMessage("CodeQuality", "IDE0044", Justification = "An inline array's element.")]
    private uint _first;
}

/// <summary>What a flow is recognised by: a Ufid and whose it is.</summary>
[StructLayout(LayoutKind.Explicit, Size = 56)]
internal struct FlowKey
{
    [FieldOffset(0)]
    public AddressWords Source;

    [FieldOffset(16)]
    public AddressWords Destination;

    /// <summary>Outbound the index of the sending port; inbound the VSID.</summary>
    [FieldOffset(32)]
    public uint Scope;

    [FieldOffset(36)]
    public MacBytes DestinationMac;

    [FieldOffset(42)]
    public MacBytes SourceMac;

    [FieldOffset(48)]
    public ushort SourcePortBe;

    [FieldOffset(50)]
    public ushort DestinationPortBe;

    [FieldOffset(52)]
    public ushort EtherTypeBe;

    [FieldOffset(54)]
    public byte Protocol;

    [FieldOffset(55)]
    public byte Direction;
}

/// <summary>What to do with a flow's packets: a transposition, and by whose program.</summary>
[StructLayout(LayoutKind.Explicit, Size = 112)]
internal struct FlowAction
{
    /// <summary>Where it is counted.</summary>
    [FieldOffset(0)]
    public uint Slot;

    /// <summary>The slot's tag when this was written; a slot given to another flow has another.</summary>
    [FieldOffset(4)]
    public uint Tag;

    /// <summary>The port's generation when it was decided.</summary>
    [FieldOffset(8)]
    public uint Generation;

    /// <summary>Index into the next hops.</summary>
    [FieldOffset(12)]
    public uint Hop;

    /// <summary>Encap: the VSID on the wire. Local: that of the port it goes to.</summary>
    [FieldOffset(16)]
    public uint Vsid;

    /// <summary>The port that decided: the sender, or inbound the receiver.</summary>
    [FieldOffset(20)]
    public ushort Port;

    [FieldOffset(22)]
    public ushort Edits;

    /// <summary>The longest IP packet; 0 is no limit.</summary>
    [FieldOffset(24)]
    public ushort MaxLength;

    /// <summary>The UDP source port that stands for the flow.</summary>
    [FieldOffset(26)]
    public ushort EntropyBe;

    [FieldOffset(28)]
    public ushort SourcePortBe;

    [FieldOffset(30)]
    public ushort DestinationPortBe;

    [FieldOffset(32)]
    public byte Verdict;

    [FieldOffset(33)]
    public byte Encapsulation;

    /// <summary>The outer traffic class without ECN, when it is fixed.</summary>
    [FieldOffset(34)]
    public byte TrafficClass;

    /// <summary>The NVGRE FlowID.</summary>
    [FieldOffset(35)]
    public byte FlowId;

    [FieldOffset(36)]
    public AddressWords Source;

    [FieldOffset(52)]
    public AddressWords Destination;

    /// <summary>Inbound: the outer source that policy accepts; all zero takes the flow from this host alone.</summary>
    [FieldOffset(68)]
    public AddressWords Provider;

    [FieldOffset(84)]
    public MacBytes DestinationMac;

    [FieldOffset(90)]
    public MacBytes SourceMac;

    /// <summary>ConversationMarks, for the agent that comes after this one; no program reads them.</summary>
    [FieldOffset(96)]
    public ushort Conversation;

    /// <summary>The idle time that the conversation's rule asks for, seconds; for the agent, too.</summary>
    [FieldOffset(98)]
    public ushort IdleSeconds;

    /// <summary>Of a conversation without flows: when it was last seen, CLOCK_MONOTONIC in seconds; for the agent, too.</summary>
    [FieldOffset(100)]
    public uint LastSeen;
}

/// <summary>What a flow counted. Written by the programs but for the tag.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct FlowCounters
{
    [FieldOffset(0)]
    public ulong Packets;

    [FieldOffset(8)]
    public ulong Bytes;

    /// <summary>CLOCK_MONOTONIC_COARSE, nanoseconds.</summary>
    [FieldOffset(16)]
    public ulong LastUsed;

    [FieldOffset(24)]
    public uint Tag;
}

/// <summary>One VM port.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct PortSlot
{
    /// <summary>Flows of any other generation are misses.</summary>
    [FieldOffset(0)]
    public uint Generation;

    [FieldOffset(4)]
    public uint Device;

    [FieldOffset(8)]
    public uint Flags;

    /// <summary>Where its packets are handed to the executor.</summary>
    [FieldOffset(12)]
    public uint PuntDevice;

    /// <summary>Units handed over; the programs'.</summary>
    [FieldOffset(16)]
    public uint Punted;

    /// <summary>Units taken; the executor's.</summary>
    [FieldOffset(20)]
    public uint Handled;

    /// <summary>Packets of the guest that found no room.</summary>
    [FieldOffset(24)]
    public ulong RefusedOutbound;

    /// <summary>Packets for the guest that found no room.</summary>
    [FieldOffset(32)]
    public ulong RefusedInbound;

    /// <summary>Stands for the network interface plugged in, so that another one's flows are not taken for its own; the agent's.</summary>
    [FieldOffset(40)]
    public ulong Identity;
}

/// <summary>A MAC of a virtual subnet.</summary>
[StructLayout(LayoutKind.Explicit, Size = 12)]
internal struct MemberKey
{
    [FieldOffset(0)]
    public uint Vsid;

    [FieldOffset(4)]
    public MacBytes Mac;

    [FieldOffset(10)]
    public ushort Zero;
}

/// <summary>How packets for one provider address leave.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct NextHop
{
    [FieldOffset(0)]
    public uint IsUsable;

    [FieldOffset(4)]
    public uint Device;

    [FieldOffset(8)]
    public AddressWords Source;

    [FieldOffset(24)]
    public AddressWords Destination;

    [FieldOffset(40)]
    public MacBytes DestinationMac;

    [FieldOffset(46)]
    public MacBytes SourceMac;

    [FieldOffset(52)]
    public ushort Vlan;

    [FieldOffset(54)]
    public ushort IsIpv6;
}

/// <summary>An address of this host.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct ProviderAddressKey
{
    [FieldOffset(0)]
    public AddressWords Address;
}

/// <summary>How packets for an address of this host arrive.</summary>
[StructLayout(LayoutKind.Explicit, Size = 12)]
internal struct ProviderEndpointValue
{
    [FieldOffset(0)]
    public uint Device;

    [FieldOffset(4)]
    public MacBytes Mac;

    [FieldOffset(10)]
    public ushort Vlan;
}
