using Hnv.Primitives;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>What the sockets of both encapsulations have in common.</summary>
internal static unsafe class TunnelOptions
{
    /// <summary>DF set, no path MTU remembered (RFC 7348 §4.3: a tunnel end must not fragment), own TTL.</summary>
    internal static void Apply(SafeFileHandle handle, int family, int timeToLive, string name)
    {
        if (family == Interop.AF_INET)
        {
            SocketOptions.Set(handle, Interop.SOL_IP, Interop.IP_MTU_DISCOVER, Interop.IP_PMTUDISC_PROBE, "IP_MTU_DISCOVER", name);
            SocketOptions.Set(handle, Interop.SOL_IP, Interop.IP_TTL, timeToLive, "IP_TTL", name);
            return;
        }

        SocketOptions.Set(handle, Interop.SOL_IPV6, Interop.IPV6_MTU_DISCOVER, Interop.IP_PMTUDISC_PROBE, "IPV6_MTU_DISCOVER", name);
        SocketOptions.Set(handle, Interop.SOL_IPV6, Interop.IPV6_UNICAST_HOPS, timeToLive, "IPV6_UNICAST_HOPS", name);
    }

    internal static void Bind(SafeFileHandle handle, ProviderAddress address, ushort port, string name)
    {
        byte* bytes = stackalloc byte[SocketAddress.Size];
        int length = SocketAddress.Write(new Span<byte>(bytes, SocketAddress.Size), address.Value, port);
        if (Interop.bind(handle, bytes, (uint)length) != 0)
        {
            throw LinuxException.Last("bind", name);
        }
    }
}
