using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;

namespace Hnv.Primitives;

/// <summary>
/// An IPv4 or IPv6 address in 16 bytes without allocation. IPv4 is kept in its mapped form ::ffff:a.b.c.d, which never
/// stands in an IPv6 header on a wire (RFC 4291 §2.5.5.2, RFC 4942 §2.2), so the family needs no field of its own.
/// </summary>
/// <remarks>
/// Untyped by address space: public policy speaks <see cref="CustomerAddress"/> and <see cref="ProviderAddress"/>.
/// The default value is the IPv6 unspecified address.
/// </remarks>
public readonly record struct InetAddress : IComparable<InetAddress>
{
    private const ulong MappedPrefix = 0xFFFF;

    private InetAddress(ulong high, ulong low)
    {
        High = high;
        Low = low;
    }

    /// <summary>The first eight bytes as a number.</summary>
    public ulong High { get; }

    /// <summary>The last eight bytes as a number.</summary>
    public ulong Low { get; }

    /// <summary>True for IPv4.</summary>
    public bool IsIPv4 => High == 0 && Low >> 32 == MappedPrefix;

    /// <summary>The IPv4 address as a number, most significant byte first; meaningful only when <see cref="IsIPv4"/>.</summary>
    public uint IPv4 => (uint)Low;

    /// <summary>Bytes on the wire: 4 or 16.</summary>
    public int Size => IsIPv4 ? 4 : 16;

    /// <summary>True for 0.0.0.0 and ::.</summary>
    public bool IsUnspecified => High == 0 && (Low == 0 || Low == MappedPrefix << 32);

    /// <summary>True for 224.0.0.0/4 and ff00::/8.</summary>
    public bool IsMulticast => IsIPv4 ? IPv4 >> 28 == 0xE : High >> 56 == 0xFF;

    /// <summary>True for 255.255.255.255.</summary>
    public bool IsLimitedBroadcast => IsIPv4 && IPv4 == uint.MaxValue;

    /// <summary>True for 169.254.0.0/16 and fe80::/10.</summary>
    public bool IsLinkLocal => IsIPv4 ? IPv4 >> 16 == 0xA9FE : High >> 54 == 0x3FA;

    /// <summary>The IPv4 address of a number, most significant byte first.</summary>
    public static InetAddress FromIPv4(uint value) => new(0, (MappedPrefix << 32) | value);

    /// <summary>The address of two numbers.</summary>
    public static InetAddress FromNumbers(ulong high, ulong low) => new(high, low);

    /// <summary>The link-local IPv6 address that a station makes of its MAC (RFC 4291 appendix A).</summary>
    public static InetAddress LinkLocalOf(MacAddress mac) => new(0xFE80_0000_0000_0000, InterfaceIdOf(mac));

    /// <summary>The IPv6 address that a station makes of a 64-bit prefix and its MAC (RFC 4291 appendix A, RFC 4862 §5.5.3).</summary>
    public static InetAddress AutonomousOf(IpPrefix prefix, MacAddress mac) => new(prefix.Address.High, InterfaceIdOf(mac));

    /// <summary>Reads 4 bytes as IPv4.</summary>
    public static InetAddress ReadIPv4(ReadOnlySpan<byte> bytes) => FromIPv4(BinaryPrimitives.ReadUInt32BigEndian(bytes));

    /// <summary>Reads 16 bytes as IPv6.</summary>
    public static InetAddress ReadIPv6(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]));

    /// <summary>Writes <see cref="Size"/> bytes in network order.</summary>
    public void Write(Span<byte> bytes)
    {
        if (IsIPv4)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, IPv4);
            return;
        }

        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Low);
    }

    /// <summary>The same address in the framework's type.</summary>
    public IPAddress ToIPAddress()
    {
        Span<byte> bytes = stackalloc byte[16];
        Write(bytes);
        return new IPAddress(bytes[..Size]);
    }

    /// <summary>The same address from the framework's type; a mapped IPv6 address becomes IPv4, a scope id is lost.</summary>
    public static InetAddress From(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out int size);
        return size == 4 ? ReadIPv4(bytes) : ReadIPv6(bytes);
    }

    /// <summary>Reads dotted-quad IPv4 (four parts, no leading zeros taken as octal) or IPv6 without a scope.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out InetAddress address)
    {
        address = default;
        if (text is null || !IPAddress.TryParse(text, out IPAddress? parsed))
        {
            return false;
        }

        // The framework also reads 10.1, 0x0a000001 and 010.1.1.1; nobody who types an address here means those.
        if (parsed.AddressFamily == AddressFamily.InterNetwork ? parsed.ToString() != text : text.AsSpan().ContainsAny('%', '['))
        {
            return false;
        }

        address = From(parsed);
        return true;
    }

    /// <summary>Reads any form that <see cref="TryParse"/> takes.</summary>
    /// <exception cref="FormatException">It is none of them.</exception>
    public static InetAddress Parse(string text) =>
        TryParse(text, out InetAddress address) ? address : throw new FormatException($"'{text}' is not an IP address. Write it as 10.1.1.11 or 2001:db8::11.");

    /// <inheritdoc/>
    public int CompareTo(InetAddress other) => High != other.High ? High.CompareTo(other.High) : Low.CompareTo(other.Low);

    /// <summary>Dotted quad, or IPv6 in its canonical form (RFC 5952).</summary>
    public override string ToString() => ToIPAddress().ToString();

    private static ulong InterfaceIdOf(MacAddress mac) =>
        ((mac.Value & 0xFFFF_FF00_0000) << 16 | 0xFF_FE00_0000 | (mac.Value & 0xFF_FFFF)) ^ 0x0200_0000_0000_0000;
}
