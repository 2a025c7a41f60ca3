using System.Collections.Frozen;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>What the distributed router does with packets to a prefix.</summary>
public enum RouteKind : byte
{
    /// <summary>Delivers to the destination itself, in a virtual subnet of its own routing domain.</summary>
    Local,

    /// <summary>Delivers to a customer address of the routing domain that forwards further: a gateway or appliance in a VM (R26).</summary>
    Appliance,

    /// <summary>Discards.</summary>
    Drop,

    /// <summary>Delivers to the destination itself, in a virtual subnet of a peered routing domain.</summary>
    Peer,
}

/// <summary>A route of the distributed router.</summary>
/// <param name="Prefix">The destinations it is for.</param>
/// <param name="Kind">What happens to them.</param>
/// <param name="Vsid">The virtual subnet they, or their next hop, are in; the default value for <see cref="RouteKind.Drop"/>.</param>
/// <param name="NextHop">Who forwards further, for <see cref="RouteKind.Appliance"/>; the default value for the other kinds.</param>
public readonly record struct Route(IpPrefix Prefix, RouteKind Kind, Vsid Vsid, CustomerAddress NextHop);

/// <summary>The prefixes of one routing domain, by longest match (R25, R26). Immutable, lock-free, shared by all ports of the domain.</summary>
/// <remarks>
/// Prefixes lie inside each other or apart, so their ends cut the addresses into at most 2n + 3 pieces with one winner each. A lookup is a binary
/// search among the pieces: what it costs depends on how many routes there are, not on how many lengths a tenant chose.
/// </remarks>
public sealed class RouteTable
{
    private const int NoRoute = -1;

    private readonly Route[] _routes;
    private readonly UInt128[] _starts;
    private readonly int[] _winners;
    private readonly FrozenSet<InetAddress> _gateways;

    /// <summary>The table of these routes; of two with the same prefix the first counts.</summary>
    /// <param name="routes">All routes, in any order but for equal prefixes.</param>
    /// <param name="gateways">The router's own addresses: one in each prefix of its subnets, and its link-local one.</param>
    public RouteTable(IEnumerable<Route> routes, IEnumerable<CustomerAddress> gateways)
    {
        _routes = [.. routes.DistinctBy(route => route.Prefix).OrderBy(route => route.Prefix.Address).ThenBy(route => route.Prefix.Length)];
        _gateways = gateways.Select(gateway => gateway.Value).ToFrozenSet();
        (_starts, _winners) = Pieces.Of(_routes);
    }

    /// <summary>No route at all: a router that is switched off.</summary>
    public static RouteTable Empty { get; } = new([], []);

    /// <summary>Routes held.</summary>
    public int Count => _routes.Length;

    /// <summary>All routes, by prefix.</summary>
    public ReadOnlySpan<Route> Routes => _routes;

    /// <summary>Finds the longest prefix that holds an address.</summary>
    public bool TryFind(InetAddress destination, out Route route)
    {
        UInt128 address = Number(destination);
        UInt128[] starts = _starts;
        int piece = 0;
        for (int count = starts.Length; count > 1;)
        {
            int half = count / 2;
            piece = starts[piece + half] <= address ? piece + half : piece;
            count -= half;
        }

        int winner = _winners[piece];
        route = winner == NoRoute ? default : _routes[winner];
        return winner != NoRoute;
    }

    /// <summary>True when the address is the router's own in one of the subnets, or on every link.</summary>
    public bool IsGateway(InetAddress address) => _gateways.Contains(address);

    private static UInt128 Number(InetAddress address) => new(address.High, address.Low);

    /// <summary>The sweep over all prefixes by address, with those that are open at the moment on a stack: the innermost wins.</summary>
    private sealed class Pieces
    {
        private readonly List<UInt128> _starts = [UInt128.Zero];
        private readonly List<int> _winners = [NoRoute];
        private readonly Stack<(UInt128 Last, int Winner)> _open = [];

        /// <param name="routes">By address, then by length; no prefix twice.</param>
        public static (UInt128[] Starts, int[] Winners) Of(Route[] routes)
        {
            // IPv4 lies inside IPv6 as numbers go, yet no IPv6 prefix holds it: ::/0 is interrupted there.
            IpPrefix allIPv4 = IpPrefix.Create(InetAddress.FromIPv4(0), 0);
            bool isInterrupted = false;
            Pieces pieces = new();
            for (int i = 0; i < routes.Length; i++)
            {
                IpPrefix prefix = routes[i].Prefix;
                if (!isInterrupted && prefix.Address.CompareTo(allIPv4.Address) >= 0)
                {
                    pieces.Open(allIPv4, NoRoute);
                    isInterrupted = true;
                }

                pieces.Open(prefix, i);
            }

            if (!isInterrupted)
            {
                pieces.Open(allIPv4, NoRoute);
            }

            pieces.CloseBefore(null);
            return ([.. pieces._starts], [.. pieces._winners]);
        }

        private void Open(IpPrefix prefix, int winner)
        {
            UInt128 first = Number(prefix.Address);
            CloseBefore(first);
            _open.Push((Number(prefix.LastAddress), winner));
            Cut(first, winner);
        }

        private void CloseBefore(UInt128? first)
        {
            while (_open.TryPeek(out (UInt128 Last, int Winner) inner) && (first is null || inner.Last < first))
            {
                _ = _open.Pop();
                if (inner.Last != UInt128.MaxValue)
                {
                    Cut(inner.Last + 1, _open.TryPeek(out (UInt128 Last, int Winner) outer) ? outer.Winner : NoRoute);
                }
            }
        }

        private void Cut(UInt128 start, int winner)
        {
            if (_starts[^1] == start)
            {
                _winners[^1] = winner;
                return;
            }

            _starts.Add(start);
            _winners.Add(winner);
        }
    }
}
