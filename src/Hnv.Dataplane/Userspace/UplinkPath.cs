using System.Runtime.InteropServices;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// From the physical network to ports without a VSID (R17, R18): by VLAN and destination MAC, each frame as it came, super-packets whole. The first
/// worker's. No allocation, lock or log per packet.
/// </summary>
internal sealed class UplinkPath(VSwitch vSwitch, Forwarder forwarder)
{
    private const int FrameMax = VirtioNetHeader.Size + 65536 + 64;
    private const int BatchMax = 32;

    private readonly ReceiveBatch _received = new(BatchMax, FrameMax);

    /// <summary>One turn of the uplink.</summary>
    public void Run(Uplink uplink, long now)
    {
        int count = _received.Receive(uplink.Socket, BatchMax);
        try
        {
            for (int i = 0; i < count; i++)
            {
                Handle(i, uplink.IsLimited, now);
            }
        }
        finally
        {
            // Also after a bug: what has been decided refers to buffers that the next batch overwrites.
            forwarder.Flush();
        }
    }

    private void Handle(int i, bool isLimited, long now)
    {
        Span<byte> bytes = _received[i];
        if (bytes.Length < VirtioNetHeader.Size || _received.IsTruncated(i))
        {
            vSwitch.CountUnderlayDrop(DropReason.InvalidPacket, bytes, now);
            return;
        }

        VirtioNetHeader header = MemoryMarshal.Read<VirtioNetHeader>(bytes);
        Span<byte> frame = bytes[VirtioNetHeader.Size..];
        int vlan = _received.ReadAncillary(i).VlanId;
        MacAddress destination = frame.Length >= EthernetHeader.Size ? MacAddress.Read(frame) : default;
        VPort? port = destination.IsMulticast ? null : vSwitch.TryGetPlainPort(vlan, destination);
        ReadOnlySpan<VPort> ports = destination.IsMulticast ? vSwitch.PlainPorts(vlan) : port is not null ? new ReadOnlySpan<VPort>(in port) : [];
        if (ports.IsEmpty)
        {
            // Most of what is on the physical network is none of ours.
            if (isLimited && !destination.IsMulticast)
            {
                vSwitch.CountUnderlayDrop(DropReason.UnknownVlan, frame, now);
            }

            return;
        }

        if (PacketParser.TryParse(frame, out ParsedPacket packet) != ParseFault.None
            || !Offload.TryRead(in header, in packet, frame.Length, out Offload offload))
        {
            vSwitch.CountUnderlayDrop(DropReason.InvalidPacket, frame, now);
            return;
        }

        foreach (VPort each in ports)
        {
            forwarder.DeliverPlain(each, in packet, in offload, _received.Buffer, _received.OffsetOf(i) + VirtioNetHeader.Size, frame.Length, now);
        }
    }
}
