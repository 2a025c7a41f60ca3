using Hnv.Primitives;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>
/// A UDP socket of a VXLAN tunnel end, bound to a provider address. Receivers get many datagrams of one flow in one piece (UDP_GRO)
/// with the outer TOS; senders hand over many in one piece (UDP_SEGMENT). DF is set and the path is not remembered, so a packet too
/// big for the device fails at once with EMSGSIZE and an ICMP error cannot wedge the socket. Opened in the calling thread's namespace.
/// </summary>
public sealed unsafe class UdpTunnelSocket : DatagramSocket
{
    private const int ReceiveBufferBytes = 32 * 1024 * 1024;
    private const int SendBufferBytes = 8 * 1024 * 1024;
    private const int OuterTimeToLive = 64;

    private UdpTunnelSocket(SafeFileHandle handle, string name, ushort port)
        : base(handle, name) => Port = port;

    /// <summary>The local port.</summary>
    public ushort Port { get; }

    /// <summary>Opens the receiving socket; several may share the port, and the kernel spreads flows over them.</summary>
    /// <exception cref="LinuxException">The address is not on this namespace's devices, or another program holds the port.</exception>
    public static UdpTunnelSocket OpenReceiver(ProviderAddress address, ushort port)
    {
        UdpTunnelSocket socket = Open(address, port, shared: true);
        try
        {
            bool isIPv4 = address.Value.IsIPv4;
            SocketOptions.Set(socket.Handle, Interop.SOL_UDP, Interop.UDP_GRO, 1, "UDP_GRO", socket.Name);
            SocketOptions.Set(
                socket.Handle,
                isIPv4 ? Interop.SOL_IP : Interop.SOL_IPV6,
                isIPv4 ? Interop.IP_RECVTOS : Interop.IPV6_RECVTCLASS,
                1,
                "IP_RECVTOS",
                socket.Name);
            if (!isIPv4)
            {
                // A tunnel end takes datagrams without a checksum (RFC 6935 §5, RFC 7348 §5): the inner packet has its own.
                SocketOptions.Set(socket.Handle, Interop.SOL_UDP, Interop.UDP_NO_CHECK6_RX, 1, "UDP_NO_CHECK6_RX", socket.Name);
            }

            SocketOptions.SetBuffers(socket.Handle, ReceiveBufferBytes, SendBufferBytes);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Opens a sending socket on a port of its own, which makes one source port of the tunnel; it receives nothing.</summary>
    /// <exception cref="LinuxException">EADDRINUSE when the port is taken.</exception>
    public static UdpTunnelSocket OpenSender(ProviderAddress address, ushort port)
    {
        UdpTunnelSocket socket = Open(address, port, shared: false);
        try
        {
            SocketOptions.DropAllReceived(socket.Handle, socket.Name);
            SocketOptions.SetBuffers(socket.Handle, 4096, SendBufferBytes);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static UdpTunnelSocket Open(ProviderAddress address, ushort port, bool shared)
    {
        string name = $"UDP {address} port {port}";
        int family = SocketAddress.Family(address.Value);
        SafeFileHandle handle = Create(family, Interop.SOCK_DGRAM, Interop.IPPROTO_UDP, name);
        try
        {
            if (shared)
            {
                SocketOptions.Set(handle, Interop.SOL_SOCKET, Interop.SO_REUSEPORT, 1, "SO_REUSEPORT", name);
            }

            if (family == Interop.AF_INET6)
            {
                // A datagram socket of IPv6 would take the port of IPv4 as well; a raw one never does, and refuses the option.
                SocketOptions.Set(handle, Interop.SOL_IPV6, Interop.IPV6_V6ONLY, 1, "IPV6_V6ONLY", name);
            }

            TunnelOptions.Apply(handle, family, OuterTimeToLive, name);
            TunnelOptions.Bind(handle, address, port, name);
            return new UdpTunnelSocket(handle, name, port);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
