using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Hnv.Primitives;

/// <summary>
/// A Virtual Subnet ID: the 24-bit, datacenter-wide identifier of one broadcast domain, 4096 … 16777214 (R9).
/// On the wire it is the VNI of VXLAN (RFC 7348 §5) or the VSID of NVGRE (RFC 7637 §3.2).
/// </summary>
/// <remarks>0 … 4095 are reserved by RFC 7637, 0xFFFFFF is its vendor value. The default value is not an assignable id.</remarks>
public readonly record struct Vsid : IComparable<Vsid>
{
    /// <summary>The lowest assignable id.</summary>
    public const uint MinValue = 4096;

    /// <summary>The highest assignable id, 2^24 − 2.</summary>
    public const uint MaxValue = 0xFF_FFFE;

    private Vsid(uint value) => Value = value;

    /// <summary>The number; 0 for the default value.</summary>
    public uint Value { get; }

    /// <returns>False when <paramref name="value"/> lies outside 4096 … 16777214.</returns>
    public static bool TryCreate(uint value, out Vsid vsid)
    {
        bool assignable = value is >= MinValue and <= MaxValue;
        vsid = assignable ? new Vsid(value) : default;
        return assignable;
    }

    /// <summary>The id of that number.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number lies outside 4096 … 16777214.</exception>
    public static Vsid Create(uint value) =>
        TryCreate(value, out Vsid vsid) ? vsid : throw OutOfRange(value);

    /// <summary>Reads the decimal form.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Vsid vsid)
    {
        vsid = default;
        return uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint value) && TryCreate(value, out vsid);
    }

    /// <inheritdoc/>
    public int CompareTo(Vsid other) => Value.CompareTo(other.Value);

    /// <summary>Decimal, as REST and every tool print it.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);

    private static ArgumentOutOfRangeException OutOfRange(uint value) =>
        new(nameof(value), value, $"A VSID lies between {MinValue} and {MaxValue}.");
}
