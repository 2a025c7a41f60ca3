using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>What a DHCP client of IPv6 is given.</summary>
public sealed record DhcpV6Lease
{
    /// <summary>A lifetime without end.</summary>
    public const uint Infinite = uint.MaxValue;

    /// <summary>The client's address; :: when it gets none.</summary>
    public required InetAddress Address { get; init; }

    /// <summary>Leading bits of the prefix that is on the client's link, 0 … 128.</summary>
    public required int PrefixLength { get; init; }

    /// <summary>The server's link-local address, the source of every reply.</summary>
    public required InetAddress Server { get; init; }

    /// <summary>The server's MAC: source of every reply and the link-layer address in its DUID.</summary>
    public required MacAddress ServerMac { get; init; }

    /// <summary>Seconds until the address is deprecated, or <see cref="Infinite"/>. The client renews at half and rebinds at four fifths of it.</summary>
    public uint PreferredSeconds { get; init; } = Infinite;

    /// <summary>Seconds until the address is no longer valid, or <see cref="Infinite"/>; at least <see cref="PreferredSeconds"/>.</summary>
    public uint ValidSeconds { get; init; } = Infinite;

    /// <summary>Domain name servers in the order of preference; the first 16 of IPv6 are told.</summary>
    public ImmutableArray<InetAddress> DnsServers { get; init; } = [];

    /// <summary>Domains to search, in ASCII; the names that are none, or have no room in 255 bytes, are left out.</summary>
    public ImmutableArray<string> Domains { get; init; } = [];
}
