using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Linux;

/// <summary>
/// Room for a number of packets read with one recvmmsg(2), made once and used again and again. Not for several threads at once.
/// </summary>
public sealed unsafe class ReceiveBatch
{
    private const int ControlSize = 128;

    private readonly PinnedBuffer _headers;
    private readonly PinnedBuffer _vectors;
    private readonly PinnedBuffer _names;
    private readonly PinnedBuffer _controls;
    private readonly int _size;
    private int _used;

    /// <summary>Room for <paramref name="capacity"/> packets of up to <paramref name="size"/> bytes; longer ones are cut and marked.</summary>
    public ReceiveBatch(int capacity, int size)
    {
        Capacity = capacity;
        _size = size;
        Buffer = new PinnedBuffer(capacity * size);
        _headers = new PinnedBuffer(capacity * sizeof(Interop.mmsghdr));
        _vectors = new PinnedBuffer(capacity * sizeof(Interop.iovec));
        _names = new PinnedBuffer(capacity * SocketAddress.Size);
        _controls = new PinnedBuffer(capacity * ControlSize);
        for (int i = 0; i < capacity; i++)
        {
            Interop.iovec* vector = (Interop.iovec*)_vectors.At(i * sizeof(Interop.iovec));
            vector->iov_base = Buffer.At(i * size);
            vector->iov_len = (nuint)size;
            Header(i)->msg_hdr.msg_iov = vector;
            Header(i)->msg_hdr.msg_iovlen = 1;
            Header(i)->msg_hdr.msg_name = _names.At(i * SocketAddress.Size);
            Header(i)->msg_hdr.msg_control = _controls.At(i * ControlSize);
        }

        _used = capacity;
    }

    /// <summary>Packets that fit.</summary>
    public int Capacity { get; }

    /// <summary>The storage of all packets; packet i begins at <see cref="OffsetOf"/>.</summary>
    public PinnedBuffer Buffer { get; }

    /// <summary>Reads what is there, at most <paramref name="max"/> packets, without waiting.</summary>
    /// <returns>How many; 0 when there are none; minus the errno when the socket failed (a device that is gone: <c>-ENETDOWN</c> …).</returns>
    public int Receive(DatagramSocket socket, int max)
    {
        for (int i = 0; i < _used; i++)
        {
            // What the kernel overwrote last time.
            Header(i)->msg_hdr.msg_namelen = SocketAddress.Size;
            Header(i)->msg_hdr.msg_controllen = ControlSize;
        }

        int count = Interop.recvmmsg(socket.Descriptor, Header(0), (uint)Math.Min(max, Capacity), Interop.MSG_DONTWAIT, null);
        if (count >= 0)
        {
            _used = count;
            return count;
        }

        _used = 0;
        int errno = Marshal.GetLastPInvokeError();
        return errno is Interop.EAGAIN or Interop.EINTR ? 0 : -errno;
    }

    /// <summary>Where packet i begins in <see cref="Buffer"/>.</summary>
    public int OffsetOf(int packet) => packet * _size;

    /// <summary>The packet's bytes.</summary>
    public Span<byte> this[int packet] => Buffer.Slice(packet * _size, Math.Min((int)Header(packet)->msg_len, _size));

    /// <summary>True when the packet was longer than the room for it.</summary>
    public bool IsTruncated(int packet) => (Header(packet)->msg_hdr.msg_flags & Interop.MSG_TRUNC) != 0;

    /// <summary>The sender's IP address, for tunnel sockets.</summary>
    public InetAddress Source(int packet) => SocketAddress.Read(_names.Slice(packet * SocketAddress.Size, SocketAddress.Size));

    /// <summary>True when the device sent the frame, false when it received it (packet sockets that were asked for both).</summary>
    public bool IsOutgoing(int packet)
    {
        const int packetTypeAt = 10;                                    // sll_pkttype of struct sockaddr_ll
        return _names.Slice(packet * SocketAddress.Size, SocketAddress.Size)[packetTypeAt] == Interop.PACKET_OUTGOING;
    }

    /// <summary>What came beside the packet.</summary>
    public Ancillary ReadAncillary(int packet)
    {
        Ancillary result = default;
        byte* at = (byte*)Header(packet)->msg_hdr.msg_control;
        byte* end = at + Header(packet)->msg_hdr.msg_controllen;
        while (end - at >= sizeof(Interop.cmsghdr))
        {
            Interop.cmsghdr* control = (Interop.cmsghdr*)at;
            byte* data = at + sizeof(Interop.cmsghdr);
            switch ((control->cmsg_level, control->cmsg_type))
            {
                case (Interop.SOL_UDP, Interop.UDP_GRO): result.SegmentSize = *(int*)data; break;
                case (Interop.SOL_IP, Interop.IP_TOS): result.TrafficClass = *data; break;
                case (Interop.SOL_IPV6, Interop.IPV6_TCLASS): result.TrafficClass = (byte)*(int*)data; break;
                case (Interop.SOL_SOCKET, Interop.SO_MARK): result.Mark = *(uint*)data; break;
                case (Interop.SOL_PACKET, Interop.PACKET_AUXDATA):
                    const int vlanTci = 16;                             // struct tpacket_auxdata
                    result.IsTagged = (*(uint*)data & Interop.TP_STATUS_VLAN_VALID) != 0;
                    result.VlanId = result.IsTagged ? (ushort)(*(ushort*)(data + vlanTci) & 0x0FFF) : (ushort)0;
                    break;
                default: break;
            }

            if (control->cmsg_len < (nuint)sizeof(Interop.cmsghdr))
            {
                break;
            }

            at += (control->cmsg_len + 7) & ~(nuint)7;
        }

        return result;
    }

    private Interop.mmsghdr* Header(int packet) => (Interop.mmsghdr*)_headers.At(packet * sizeof(Interop.mmsghdr));

    /// <summary>What the kernel says beside a packet.</summary>
    [StructLayout(LayoutKind.Auto)]
    public record struct Ancillary
    {
        /// <summary>Bytes of each datagram when several came in one piece (the last may be shorter); 0 when it is one.</summary>
        public int SegmentSize;

        /// <summary>The packet's mark, on sockets that ask for it.</summary>
        public uint Mark;

        /// <summary>Outer TOS or traffic class.</summary>
        public byte TrafficClass;

        /// <summary>The frame had an 802.1Q tag, which the kernel took off (packet sockets).</summary>
        public bool IsTagged;

        /// <summary>The VLAN of that tag; 0 also for a mere priority tag.</summary>
        public ushort VlanId;
    }
}
