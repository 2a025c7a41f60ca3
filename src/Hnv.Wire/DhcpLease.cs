using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>A route a DHCP client is told about (RFC 3442).</summary>
/// <param name="Destination">Where to, IPv4.</param>
/// <param name="Router">The next hop; 0.0.0.0 when the destination is on the link.</param>
public readonly record struct DhcpRoute(IpPrefix Destination, InetAddress Router);

/// <summary>What a DHCP client of IPv4 is given.</summary>
public sealed record DhcpLease
{
    /// <summary>A lease without end.</summary>
    public const uint Infinite = uint.MaxValue;

    /// <summary>The client's address.</summary>
    public required InetAddress Address { get; init; }

    /// <summary>Leading bits of the subnet mask, 0 … 32.</summary>
    public required int PrefixLength { get; init; }

    /// <summary>The server's address: source of every reply and server identifier.</summary>
    public required InetAddress Server { get; init; }

    /// <summary>The default router; the default value, which is not of IPv4, when there is none.</summary>
    public InetAddress Router { get; init; }

    /// <summary>Domain name servers in the order of preference; as many are told as an option holds, 63.</summary>
    public ImmutableArray<InetAddress> DnsServers { get; init; } = [];

    /// <summary>The client's domain in ASCII, up to 255 characters; empty when there is none.</summary>
    public string DomainName { get; init; } = string.Empty;

    /// <summary>The interface's MTU, bytes; 0 when nothing is said about it. The option's least value is 68.</summary>
    public int Mtu { get; init; }

    /// <summary>How long the lease lasts, seconds, or <see cref="Infinite"/>.</summary>
    public uint LeaseSeconds { get; init; } = Infinite;

    /// <summary>Routes besides the default one; as many are told as an option holds, at least 28.</summary>
    public ImmutableArray<DhcpRoute> Routes { get; init; } = [];
}
