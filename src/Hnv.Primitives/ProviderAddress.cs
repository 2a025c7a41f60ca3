using System.Diagnostics.CodeAnalysis;

namespace Hnv.Primitives;

/// <summary>A provider address (PA): the address of a host in the provider network, hidden from every guest (R14).</summary>
public readonly record struct ProviderAddress(InetAddress Value) : IComparable<ProviderAddress>
{
    /// <summary>Reads an IP address.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out ProviderAddress address)
    {
        bool ok = InetAddress.TryParse(text, out InetAddress value);
        address = new ProviderAddress(value);
        return ok;
    }

    /// <summary>Reads an IP address.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static ProviderAddress Parse(string text) => new(InetAddress.Parse(text));

    /// <inheritdoc/>
    public int CompareTo(ProviderAddress other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}
