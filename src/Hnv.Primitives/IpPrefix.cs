using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Hnv.Primitives;

/// <summary>An IP prefix, <c>10.1.1.0/24</c> or <c>2001:db8::/64</c>, with all host bits zero.</summary>
public readonly record struct IpPrefix
{
    private readonly byte _mappedLength;

    private IpPrefix(InetAddress address, int mappedLength)
    {
        Address = address;
        _mappedLength = (byte)mappedLength;
    }

    /// <summary>The lowest address of the prefix.</summary>
    public InetAddress Address { get; }

    /// <summary>Leading bits that are fixed: 0 … 32 for IPv4, 0 … 128 for IPv6.</summary>
    public int Length => IsIPv4 ? _mappedLength - 96 : _mappedLength;

    /// <summary>True for IPv4.</summary>
    public bool IsIPv4 => Address.IsIPv4 && _mappedLength >= 96;

    /// <summary>The highest address of the prefix; for an IPv4 subnet its directed broadcast address.</summary>
    public InetAddress LastAddress =>
        InetAddress.FromNumbers(Address.High | ~HighMask(_mappedLength), Address.Low | ~LowMask(_mappedLength));

    /// <summary>The prefix of that length around an address; host bits are cleared.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The length does not fit the family.</exception>
    public static IpPrefix Create(InetAddress address, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, address.IsIPv4 ? 32 : 128);
        int mapped = address.IsIPv4 ? length + 96 : length;
        return new IpPrefix(Mask(address, mapped), mapped);
    }

    /// <summary>True when the address is of this family and begins with these bits.</summary>
    public bool Contains(InetAddress address) => address.IsIPv4 == IsIPv4 && Mask(address, _mappedLength) == Address;

    /// <summary>True when every address of the other prefix lies in this one.</summary>
    public bool Contains(IpPrefix other) => other._mappedLength >= _mappedLength && Contains(other.Address);

    /// <summary>True when the two have an address in common.</summary>
    public bool Overlaps(IpPrefix other) => Contains(other) || other.Contains(this);

    /// <summary>Reads <c>address/length</c>; host bits that are set make it wrong.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out IpPrefix prefix)
    {
        prefix = default;
        int slash = text?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        if (slash < 0
            || !InetAddress.TryParse(text![..slash], out InetAddress address)
            || !int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int length)
            || length > (address.IsIPv4 ? 32 : 128))
        {
            return false;
        }

        prefix = Create(address, length);
        return prefix.Address == address;
    }

    /// <summary>Reads any form that <see cref="TryParse"/> takes.</summary>
    /// <exception cref="FormatException">It is none of them.</exception>
    public static IpPrefix Parse(string text) =>
        TryParse(text, out IpPrefix prefix) ? prefix : throw new FormatException($"'{text}' is not an IP prefix. Write it as 10.1.1.0/24.");

    /// <inheritdoc/>
    public override string ToString() => $"{Address}/{Length.ToString(CultureInfo.InvariantCulture)}";

    private static InetAddress Mask(InetAddress address, int length) =>
        InetAddress.FromNumbers(address.High & HighMask(length), address.Low & LowMask(length));

    private static ulong HighMask(int length) => length >= 64 ? ulong.MaxValue : length == 0 ? 0 : ulong.MaxValue << (64 - length);

    private static ulong LowMask(int length) => length <= 64 ? 0 : ulong.MaxValue << (128 - length);
}
