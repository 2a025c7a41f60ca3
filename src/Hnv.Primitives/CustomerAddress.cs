using System.Diagnostics.CodeAnalysis;

namespace Hnv.Primitives;

/// <summary>
/// A customer address (CA): chosen by the tenant, visible to the guest (R14). It means nothing without its VSID, so it travels as
/// <see cref="TenantEndpoint"/> wherever two tenants could meet.
/// </summary>
public readonly record struct CustomerAddress(InetAddress Value) : IComparable<CustomerAddress>
{
    /// <summary>Reads an IP address.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out CustomerAddress address)
    {
        bool ok = InetAddress.TryParse(text, out InetAddress value);
        address = new CustomerAddress(value);
        return ok;
    }

    /// <summary>Reads an IP address.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static CustomerAddress Parse(string text) => new(InetAddress.Parse(text));

    /// <inheritdoc/>
    public int CompareTo(CustomerAddress other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString();
}
