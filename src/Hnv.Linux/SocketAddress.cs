using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Linux;

/// <summary>sockaddr_in and sockaddr_in6 as bytes (ip(7), ipv6(7)).</summary>
internal static class SocketAddress
{
    internal const int Size = 28;

    internal static int Family(InetAddress address) => address.IsIPv4 ? Interop.AF_INET : Interop.AF_INET6;

    /// <returns>Bytes written: 16 or 28.</returns>
    internal static int Write(Span<byte> bytes, InetAddress address, ushort port)
    {
        bytes[..Size].Clear();
        MemoryMarshal.Write(bytes, (ushort)Family(address));
        BinaryPrimitives.WriteUInt16BigEndian(bytes[2..], port);
        bool isIPv4 = address.IsIPv4;
        address.Write(isIPv4 ? bytes[4..] : bytes[8..]);
        return isIPv4 ? 16 : Size;
    }

    internal static InetAddress Read(ReadOnlySpan<byte> bytes) => MemoryMarshal.Read<ushort>(bytes) switch
    {
        Interop.AF_INET => InetAddress.ReadIPv4(bytes[4..]),
        Interop.AF_INET6 => InetAddress.ReadIPv6(bytes[8..]),
        _ => default,
    };
}
