using Hnv.Primitives;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>
/// Asks the kernel how long a packet from one provider address to another may be: the route's MTU, the device's, or what the kernel has learnt of
/// the path. Sends nothing.
/// </summary>
public sealed unsafe class RouteProbe : IDisposable
{
    private readonly SafeFileHandle _socket;
    private readonly bool _isIPv4;

    private RouteProbe(SafeFileHandle socket, bool isIPv4) => (_socket, _isIPv4) = (socket, isIPv4);

    /// <summary>Opens it in the calling thread's network namespace.</summary>
    public static RouteProbe Open(ProviderAddress source)
    {
        SafeFileHandle socket = Interop.socket(SocketAddress.Family(source.Value), Interop.SOCK_DGRAM | Interop.SOCK_CLOEXEC, Interop.IPPROTO_UDP);
        try
        {
            TunnelOptions.Bind(socket, source, 0, $"route probe of {source}");
            return new RouteProbe(socket, source.Value.IsIPv4);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of the longest IP packet toward that address; 0 when the kernel knows no way.</summary>
    public int MtuToward(ProviderAddress destination)
    {
        const ushort discard = 9;                           // any port will do
        byte* address = stackalloc byte[SocketAddress.Size];
        int length = SocketAddress.Write(new Span<byte>(address, SocketAddress.Size), destination.Value, discard);
        int mtu = 0;
        uint size = sizeof(int);
        return Interop.connect(_socket, address, (uint)length) == 0
            && Interop.getsockopt(
                _socket, _isIPv4 ? Interop.SOL_IP : Interop.SOL_IPV6, _isIPv4 ? Interop.IP_MTU : Interop.IPV6_MTU, &mtu, &size) == 0
                ? mtu
                : 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();
}
