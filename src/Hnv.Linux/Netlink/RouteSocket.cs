using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux.Netlink;

/// <summary>
/// A conversation with the kernel about links, addresses, routes, rules and neighbours of one network namespace (rtnetlink(7)): the
/// namespace it was opened in. Every call is one bounded exchange. Not for several threads at once.
/// </summary>
public sealed unsafe partial class RouteSocket : IDisposable
{
    /// <summary>More answers than this to one question are taken for a fault, not for data.</summary>
    private const int DumpMax = 262_144;

    private const int DumpAttempts = 8;
    private const int ReceiveTimeoutSeconds = 5;

    private readonly SafeFileHandle _socket;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(65536);
    private uint _sequence;

    private RouteSocket(SafeFileHandle socket) => _socket = socket;

    private delegate void MessageReader(ushort type, ReadOnlySpan<byte> body);

    /// <summary>Opens a conversation about the calling thread's network namespace.</summary>
    public static RouteSocket Open()
    {
        SafeFileHandle handle = Interop.socket(Interop.AF_NETLINK, Interop.SOCK_RAW | Interop.SOCK_CLOEXEC, Interop.NETLINK_ROUTE);
        if (handle.IsInvalid)
        {
            throw LinuxException.Last("socket(AF_NETLINK)", "rtnetlink");
        }

        SocketOptions.Set(handle, Interop.SOL_NETLINK, Interop.NETLINK_EXT_ACK, 1);
        SocketOptions.Set(handle, Interop.SOL_NETLINK, Interop.NETLINK_CAP_ACK, 1);
        SocketOptions.Set(handle, Interop.SOL_NETLINK, Interop.NETLINK_GET_STRICT_CHK, 1);
        (long Seconds, long Micros) timeout = (ReceiveTimeoutSeconds, 0);
        _ = Interop.setsockopt(handle, Interop.SOL_SOCKET, Interop.SO_RCVTIMEO, &timeout, 16);
        return new RouteSocket(handle);
    }

    /// <summary>Opens a conversation about that network namespace; the caller's thread stays where it is.</summary>
    public static RouteSocket Open(NetworkNamespace ns) => ns.Run(Open);

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private void Execute(NetlinkRequest request) => Exchange(request, null);

    /// <summary>A dump that changed while it was read is read again, so what <paramref name="make"/> collects is one consistent state.</summary>
    private List<T> Dump<T>(Func<NetlinkRequest> request, Func<List<T>, MessageReader> make)
    {
        for (int attempt = 0; ; attempt++)
        {
            List<T> result = [];
            if (Exchange(request(), make(result)) || attempt == DumpAttempts)
            {
                return result;
            }
        }
    }

    /// <returns>False when a dump was interrupted by a change.</returns>
    private bool Exchange(NetlinkRequest request, MessageReader? reader)
    {
        uint sequence = ++_sequence;
        ReadOnlySpan<byte> bytes = request.Finish(sequence);
        int fd = (int)_socket.DangerousGetHandle();
        fixed (byte* pointer = bytes)
        {
            if (Interop.send(fd, pointer, (nuint)bytes.Length, Interop.MSG_NOSIGNAL) < 0)
            {
                throw LinuxException.Last(request.Operation, request.Target);
            }
        }

        bool consistent = true;
        int count = 0;
        while (true)
        {
            ReadOnlySpan<byte> rest = Receive(fd, request);
            while (rest.Length >= NetlinkRequest.HeaderSize)
            {
                int length = (int)MemoryMarshal.Read<uint>(rest);
                if (length < NetlinkRequest.HeaderSize || length > rest.Length)
                {
                    throw new LinuxException(request.Operation, request.Target, Interop.EIO, "a netlink message with a wrong length");
                }

                ReadOnlySpan<byte> message = rest[..length];
                rest = rest[Math.Min(NetlinkRequest.Align(length), rest.Length)..];
                if (MemoryMarshal.Read<uint>(message[8..]) != sequence)
                {
                    continue;
                }

                ushort type = MemoryMarshal.Read<ushort>(message[4..]);
                ushort flags = MemoryMarshal.Read<ushort>(message[6..]);
                ReadOnlySpan<byte> body = message[NetlinkRequest.HeaderSize..];
                consistent &= (flags & Interop.NLM_F_DUMP_INTR) == 0;
                switch (type)
                {
                    case Interop.NLMSG_ERROR:
                        ThrowOnError(request, flags, body);
                        return consistent;
                    case Interop.NLMSG_DONE:
                        return consistent;
                    case Interop.NLMSG_NOOP:
                        break;
                    default:
                        if (++count > DumpMax)
                        {
                            throw new LinuxException(request.Operation, request.Target, Interop.ENOBUFS, $"more than {DumpMax} answers");
                        }

                        reader?.Invoke(type, body);
                        break;
                }
            }
        }
    }

    private ReadOnlySpan<byte> Receive(int fd, NetlinkRequest request)
    {
        fixed (byte* pointer = _buffer)
        {
            nint received;
            do
            {
                received = Interop.recv(fd, pointer, (nuint)_buffer.Length, 0);
            }
            while (received < 0 && Marshal.GetLastPInvokeError() == Interop.EINTR);

            return received <= 0 ? throw LinuxException.Last(request.Operation, request.Target) : _buffer.AsSpan(0, (int)received);
        }
    }

    private static void ThrowOnError(NetlinkRequest request, ushort flags, ReadOnlySpan<byte> body)
    {
        int error = -MemoryMarshal.Read<int>(body);
        if (error == 0)
        {
            return;
        }

        string detail = "";
        if ((flags & Interop.NLM_F_ACK_TLVS) != 0)
        {
            // struct nlmsgerr: the error, the request's header and, unless capped, the request's body; then the attributes.
            int quoted = (flags & Interop.NLM_F_CAPPED) != 0
                ? NetlinkRequest.HeaderSize
                : NetlinkRequest.Align((int)MemoryMarshal.Read<uint>(body[4..]));
            NetlinkAttributes attributes = new(body[Math.Min(4 + quoted, body.Length)..]);
            while (attributes.Next())
            {
                if (attributes.Type == Interop.NLMSGERR_ATTR_MSG)
                {
                    detail = attributes.Text;
                }
            }
        }

        throw new LinuxException(request.Operation, request.Target, error, detail);
    }
}
