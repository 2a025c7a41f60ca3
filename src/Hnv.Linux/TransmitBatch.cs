using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Linux;

/// <summary>
/// Packets on their way out, each gathered from slices of pinned buffers, sent with as few sendmmsg(2) calls as there are runs of one
/// socket. Datagrams of one size, socket, destination and TOS join into one message that the kernel cuts up again (UDP_SEGMENT).
/// Made once, used again and again; not for several threads at once. The buffers must stay as they are until <see cref="Flush"/>.
/// </summary>
public sealed unsafe class TransmitBatch
{
    /// <summary>Messages between two flushes.</summary>
    public const int MessageMax = 64;

    /// <summary>Datagrams of one UDP_SEGMENT message (UDP_MAX_SEGMENTS of older kernels).</summary>
    public const int SegmentMax = 64;

    /// <summary>Bytes of one message of datagrams over IPv4: 65535 - 20 - 8.</summary>
    public const int DatagramBytesMax = 65507;

    private const int SliceMax = SegmentMax + 8;
    private const int ScratchSize = 256 * 1024;
    private const int ControlSize = 48;                     // CMSG_SPACE(2) + CMSG_SPACE(4)
    private const int LookBack = 8;

    private readonly PinnedBuffer _headers = new(MessageMax * sizeof(Interop.mmsghdr));
    private readonly PinnedBuffer _vectors = new(MessageMax * SliceMax * sizeof(Interop.iovec));
    private readonly PinnedBuffer _names = new(MessageMax * SocketAddress.Size);
    private readonly PinnedBuffer _controls = new(MessageMax * ControlSize);
    private readonly PinnedBuffer _scratch = new(ScratchSize);
    private readonly Message[] _messages = new Message[MessageMax];
    private int _count;
    private int _scratchUsed;
    private int _failures;

    /// <summary>Messages waiting.</summary>
    public int Count => _count;

    /// <summary>True when nothing failed in the last <see cref="Flush"/>.</summary>
    public bool AllSent => _failures == 0;

    /// <summary>True while one more message with that much scratch fits.</summary>
    public bool HasRoom(int scratchBytes) => _count < MessageMax && _scratchUsed + scratchBytes <= ScratchSize;

    /// <summary>Begins a frame for a packet socket.</summary>
    /// <returns>The message's number, for <see cref="Append"/> and <see cref="ErrnoOf"/>.</returns>
    public int Begin(DatagramSocket socket)
    {
        int message = Start(socket);
        Interop.msghdr* header = &Header(message)->msg_hdr;
        header->msg_name = socket.SendAddress is { } address ? address.At(0) : null;
        header->msg_namelen = (uint)(socket.SendAddress?.Length ?? 0);
        header->msg_control = null;
        header->msg_controllen = 0;
        return message;
    }

    /// <summary>
    /// Begins a datagram of that many bytes: joins the message that carries the flow's earlier ones when the kernel can cut them apart
    /// again, else begins a new one. Room must have been asked for.
    /// </summary>
    public int BeginDatagram(DatagramSocket socket, InetAddress destination, ushort port, byte trafficClass, int size, bool mayJoin)
    {
        if (mayJoin)
        {
            for (int i = _count - 1; i >= 0 && i >= _count - LookBack; i--)
            {
                ref Message open = ref _messages[i];
                if (open.Socket == socket && open.Destination == destination && open.Port == port)
                {
                    // Only the newest message of a flow is joined, or datagrams would overtake each other.
                    if (open.IsClosed || open.TrafficClass != trafficClass || size > open.SegmentSize || open.Segments == SegmentMax
                        || open.Bytes + size > DatagramBytesMax)
                    {
                        break;
                    }

                    open.Segments++;
                    open.Bytes += size;
                    open.IsClosed = size < open.SegmentSize;
                    return i;
                }
            }
        }

        int message = BeginDatagrams(socket, destination, port, trafficClass, size, 1, size);
        _messages[message].IsClosed = !mayJoin;
        return message;
    }

    /// <summary>Begins a message of datagrams that lie side by side, each of <paramref name="size"/> bytes but for the last, which may be shorter.</summary>
    public int BeginDatagrams(DatagramSocket socket, InetAddress destination, ushort port, byte trafficClass, int size, int count, int bytes)
    {
        int message = Start(socket);
        Interop.msghdr* header = &Header(message)->msg_hdr;
        header->msg_name = _names.At(message * SocketAddress.Size);
        header->msg_namelen = (uint)SocketAddress.Write(_names.Slice(message * SocketAddress.Size, SocketAddress.Size), destination, port);
        header->msg_control = null;
        header->msg_controllen = 0;
        _messages[message] = new Message
        {
            Socket = socket,
            Destination = destination,
            Port = port,
            TrafficClass = trafficClass,
            SegmentSize = size,
            Segments = count,
            Bytes = bytes,
            IsClosed = true,
        };
        return message;
    }

    /// <summary>Appends bytes of a buffer that stays as it is until the flush.</summary>
    public void Append(int message, PinnedBuffer buffer, int offset, int length) => AppendSlice(message, buffer.At(offset), length);

    /// <summary>Appends bytes of our own, to be written by the caller.</summary>
    public Span<byte> AppendScratch(int message, int length)
    {
        AppendSlice(message, _scratch.At(_scratchUsed), length);
        Span<byte> bytes = _scratch.Slice(_scratchUsed, length);
        _scratchUsed += (length + 7) & ~7;
        return bytes;
    }

    /// <summary>Sends everything. A message that fails does not stop those behind it; ask <see cref="ErrnoOf"/> before the next begin.</summary>
    /// <returns>Messages sent.</returns>
    public int Flush()
    {
        int count = _count, sent = 0, i = 0;
        _failures = 0;
        while (i < count)
        {
            int descriptor = _messages[i].Socket!.Descriptor;
            int end = i;
            while (end < count && _messages[end].Socket!.Descriptor == descriptor)
            {
                Finish(end);
                _messages[end].Errno = 0;
                end++;
            }

            while (i < end)
            {
                int done = Interop.sendmmsg(descriptor, Header(i), (uint)(end - i), Interop.MSG_DONTWAIT | Interop.MSG_NOSIGNAL);
                if (done > 0)
                {
                    sent += done;
                    i += done;
                    continue;
                }

                int errno = Marshal.GetLastPInvokeError();
                if (errno == Interop.EINTR)
                {
                    continue;
                }

                _messages[i].Errno = errno;
                _failures++;
                i++;
            }
        }

        _count = 0;
        _scratchUsed = 0;
        return sent;
    }

    /// <summary>After a flush: 0 when that message was sent, else why not.</summary>
    public int ErrnoOf(int message) => _messages[message].Errno;

    /// <summary>After a flush: datagrams in that message.</summary>
    public int SegmentsOf(int message) => Math.Max(1, _messages[message].Segments);

    /// <summary>After a flush: true when that message went to an address, not to a device.</summary>
    public bool IsDatagram(int message) => _messages[message].Segments > 0;

    /// <summary>After a flush: where that message went.</summary>
    public InetAddress DestinationOf(int message) => _messages[message].Destination;

    /// <summary>After a flush: what that message left by.</summary>
    public DatagramSocket SocketOf(int message) => _messages[message].Socket!;

    private int Start(DatagramSocket socket)
    {
        int message = _count++;
        _messages[message] = new Message { Socket = socket };
        Interop.msghdr* header = &Header(message)->msg_hdr;
        header->msg_iov = (Interop.iovec*)_vectors.At(message * SliceMax * sizeof(Interop.iovec));
        header->msg_iovlen = 0;
        return message;
    }

    private void AppendSlice(int message, byte* bytes, int length)
    {
        Interop.msghdr* header = &Header(message)->msg_hdr;
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((int)header->msg_iovlen, SliceMax, nameof(message));
        Interop.iovec* vector = header->msg_iov + header->msg_iovlen;
        vector->iov_base = bytes;
        vector->iov_len = (nuint)length;
        header->msg_iovlen++;
    }

    /// <summary>Writes the control messages: the TOS when it is not zero, the segment size when there are several datagrams.</summary>
    private void Finish(int message)
    {
        ref readonly Message m = ref _messages[message];
        if (m.Segments == 0)
        {
            return;
        }

        byte* start = _controls.At(message * ControlSize), at = start;
        if (m.Segments > 1)
        {
            at = WriteControl(at, Interop.SOL_UDP, Interop.UDP_SEGMENT, sizeof(ushort));
            *(ushort*)(at - 8) = (ushort)m.SegmentSize;
        }

        if (m.TrafficClass != 0)
        {
            bool isIPv4 = m.Destination.IsIPv4;
            at = WriteControl(at, isIPv4 ? Interop.SOL_IP : Interop.SOL_IPV6, isIPv4 ? Interop.IP_TOS : Interop.IPV6_TCLASS, sizeof(int));
            *(int*)(at - 8) = m.TrafficClass;
        }

        Header(message)->msg_hdr.msg_control = at == start ? null : start;
        Header(message)->msg_hdr.msg_controllen = (nuint)(at - start);
    }

    /// <returns>Where the next one goes; the value's eight bytes lie before that.</returns>
    private static byte* WriteControl(byte* at, int level, int type, int size)
    {
        Interop.cmsghdr* control = (Interop.cmsghdr*)at;
        control->cmsg_len = (nuint)(sizeof(Interop.cmsghdr) + size);
        control->cmsg_level = level;
        control->cmsg_type = type;
        *(ulong*)(at + sizeof(Interop.cmsghdr)) = 0;
        return at + sizeof(Interop.cmsghdr) + 8;
    }

    private Interop.mmsghdr* Header(int message) => (Interop.mmsghdr*)_headers.At(message * sizeof(Interop.mmsghdr));

    private struct Message
    {
        public DatagramSocket? Socket;
        public InetAddress Destination;
        public int SegmentSize;
        public int Segments;
        public int Bytes;
        public int Errno;
        public ushort Port;
        public byte TrafficClass;
        public bool IsClosed;
    }
}
