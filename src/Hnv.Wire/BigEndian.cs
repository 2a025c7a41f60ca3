using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>Two bytes in network order: converts to and from the host's number, so a forgotten swap does not compile.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct U16Be
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 2;

    private readonly ushort _raw;

    private U16Be(ushort raw) => _raw = raw;

    /// <summary>The number.</summary>
    public ushort Host => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(_raw) : _raw;

    /// <summary>The number in network order.</summary>
    public static U16Be FromHost(ushort value) => new(BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);

    /// <inheritdoc cref="FromHost"/>
    public static implicit operator U16Be(ushort value) => FromHost(value);

    /// <inheritdoc cref="Host"/>
    public static implicit operator ushort(U16Be value) => value.Host;

    /// <summary>Decimal.</summary>
    public override string ToString() => Host.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Four bytes in network order.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct U32Be
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 4;

    private readonly uint _raw;

    private U32Be(uint raw) => _raw = raw;

    /// <summary>The number.</summary>
    public uint Host => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(_raw) : _raw;

    /// <summary>The number in network order.</summary>
    public static U32Be FromHost(uint value) => new(BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value);

    /// <inheritdoc cref="FromHost"/>
    public static implicit operator U32Be(uint value) => FromHost(value);

    /// <inheritdoc cref="Host"/>
    public static implicit operator uint(U32Be value) => value.Host;

    /// <summary>Decimal.</summary>
    public override string ToString() => Host.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Six bytes of an Ethernet address as they lie in a header.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct MacBe
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = MacAddress.Size;

    private readonly U16Be _high;
    private readonly U32Be _low;

    private MacBe(MacAddress mac)
    {
        _high = (ushort)(mac.Value >> 32);
        _low = (uint)mac.Value;
    }

    /// <summary>The address.</summary>
    public MacAddress Host => MacAddress.FromNumber(((ulong)_high.Host << 32) | _low.Host);

    /// <summary>The bytes of an address.</summary>
    public static MacBe FromHost(MacAddress mac) => new(mac);

    /// <inheritdoc cref="FromHost"/>
    public static implicit operator MacBe(MacAddress mac) => new(mac);

    /// <inheritdoc cref="Host"/>
    public static implicit operator MacAddress(MacBe value) => value.Host;

    /// <inheritdoc/>
    public override string ToString() => Host.ToString();
}

/// <summary>Four bytes of an IPv4 address as they lie in a header.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct IPv4Be
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 4;

    private readonly U32Be _value;

    private IPv4Be(InetAddress address) => _value = address.IPv4;

    /// <summary>The address.</summary>
    public InetAddress Host => InetAddress.FromIPv4(_value.Host);

    /// <summary>The bytes of an IPv4 address; of an IPv6 address only the last four, so ask <see cref="InetAddress.IsIPv4"/> first.</summary>
    public static IPv4Be FromHost(InetAddress address) => new(address);

    /// <inheritdoc cref="FromHost"/>
    public static implicit operator IPv4Be(InetAddress address) => new(address);

    /// <inheritdoc cref="Host"/>
    public static implicit operator InetAddress(IPv4Be value) => value.Host;

    /// <inheritdoc/>
    public override string ToString() => Host.ToString();
}

/// <summary>Sixteen bytes of an IPv6 address as they lie in a header.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1, Size = Size)]
public readonly record struct IPv6Be
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 16;

    private readonly ulong _rawHigh;
    private readonly ulong _rawLow;

    private IPv6Be(InetAddress address)
    {
        _rawHigh = Swap(address.High);
        _rawLow = Swap(address.Low);
    }

    /// <summary>The address. A mapped one (::ffff:0:0/96) reads as IPv4: a parser has to refuse it before.</summary>
    public InetAddress Host => InetAddress.FromNumbers(Swap(_rawHigh), Swap(_rawLow));

    /// <summary>The bytes of an address.</summary>
    public static IPv6Be FromHost(InetAddress address) => new(address);

    /// <inheritdoc cref="FromHost"/>
    public static implicit operator IPv6Be(InetAddress address) => new(address);

    /// <inheritdoc cref="Host"/>
    public static implicit operator InetAddress(IPv6Be value) => value.Host;

    /// <inheritdoc/>
    public override string ToString() => Host.ToString();

    private static ulong Swap(ulong value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;
}
