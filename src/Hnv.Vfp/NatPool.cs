using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>What a source translation takes addresses and ports from. Immutable; what is taken of it is kept by the port (<see cref="NatBindings"/>).</summary>
/// <param name="Addresses">External addresses, all of one family.</param>
/// <param name="FirstPort">Lowest port, from 1; identifiers of ICMP echo are taken from the same range.</param>
/// <param name="LastPort">Highest port.</param>
public sealed record NatPool(ImmutableArray<InetAddress> Addresses, ushort FirstPort, ushort LastPort)
{
    /// <summary>Ports per address.</summary>
    public int PortsPerAddress => LastPort - FirstPort + 1;

    /// <summary>True when a binding taken earlier could have been taken from this pool.</summary>
    public bool Holds(InetAddress address, ushort port) => port >= FirstPort && port <= LastPort && Addresses.Contains(address);

    /// <summary>By value, the list included.</summary>
    public bool Equals(NatPool? other) =>
        other is not null && FirstPort == other.FirstPort && LastPort == other.LastPort && Addresses.AsSpan().SequenceEqual(other.Addresses.AsSpan());

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Addresses.Length, FirstPort, LastPort);
}
