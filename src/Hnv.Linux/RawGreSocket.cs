using Hnv.Primitives;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>
/// A raw socket for GRE (protocol 47) of one provider address: NVGRE's tunnel end. What is written gets its outer IP header from the
/// kernel; what is read begins with that header over IPv4 and with the GRE header over IPv6 (raw(7)). Needs CAP_NET_RAW.
/// </summary>
public sealed class RawGreSocket : DatagramSocket
{
    private const int BufferBytes = 32 * 1024 * 1024;
    private const int OuterTimeToLive = 128;                // what Windows sends

    private RawGreSocket(SafeFileHandle handle, string name, bool isIPv4)
        : base(handle, name) => StartsWithIPHeader = isIPv4;

    /// <summary>True when received packets begin with their IPv4 header.</summary>
    public bool StartsWithIPHeader { get; }

    /// <summary>Opens the tunnel end in the calling thread's network namespace.</summary>
    public static RawGreSocket Open(ProviderAddress address)
    {
        string name = $"GRE {address}";
        int family = SocketAddress.Family(address.Value);
        SafeFileHandle handle = Create(family, Interop.SOCK_RAW, Interop.IPPROTO_GRE, name);
        try
        {
            TunnelOptions.Apply(handle, family, OuterTimeToLive, name);
            TunnelOptions.Bind(handle, address, 0, name);
            bool isIPv4 = address.Value.IsIPv4;
            if (!isIPv4)
            {
                SocketOptions.Set(handle, Interop.SOL_IPV6, Interop.IPV6_RECVTCLASS, 1, "IPV6_RECVTCLASS", name);
            }

            SocketOptions.SetBuffers(handle, BufferBytes, BufferBytes);
            return new RawGreSocket(handle, name, isIPv4);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }
}
