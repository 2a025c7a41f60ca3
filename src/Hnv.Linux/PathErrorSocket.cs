using Hnv.Primitives;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>
/// Hears what routers of the provider network say about packets of one provider address that were too long for them: ICMP destination unreachable
/// (type 3), ICMPv6 packet too big (type 2). The kernel lets nothing else in. What is read begins with the IP header over IPv4 and with the ICMP
/// header over IPv6 (raw(7)). Needs CAP_NET_RAW.
/// </summary>
public sealed unsafe class PathErrorSocket : DatagramSocket
{
    private const int DestinationUnreachable = 3, PacketTooBig = 2;
    private const int BufferBytes = 64 * 1024;

    private PathErrorSocket(SafeFileHandle handle, string name)
        : base(handle, name)
    {
    }

    /// <summary>Opens it in the calling thread's network namespace.</summary>
    public static PathErrorSocket Open(ProviderAddress address)
    {
        string name = $"ICMP errors to {address}";
        bool isIPv4 = address.Value.IsIPv4;
        SafeFileHandle handle = Create(
            SocketAddress.Family(address.Value), Interop.SOCK_RAW, isIPv4 ? Interop.IPPROTO_ICMP : Interop.IPPROTO_ICMPV6, name);
        try
        {
            // A set bit keeps that type out.
            uint* blocked = stackalloc uint[8];
            new Span<uint>(blocked, 8).Fill(uint.MaxValue);
            blocked[0] = ~(1u << (isIPv4 ? DestinationUnreachable : PacketTooBig));
            bool isFiltered = isIPv4
                ? Interop.setsockopt(handle, Interop.SOL_RAW, Interop.ICMP_FILTER, blocked, sizeof(uint)) == 0
                : Interop.setsockopt(handle, Interop.IPPROTO_ICMPV6, Interop.ICMPV6_FILTER, blocked, 8 * sizeof(uint)) == 0;
            if (!isFiltered)
            {
                throw LinuxException.Last("ICMP_FILTER", name);
            }

            TunnelOptions.Bind(handle, address, 0, name);
            SocketOptions.SetBuffers(handle, BufferBytes, BufferBytes);
            return new PathErrorSocket(handle, name);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
