using System.Collections.Frozen;
using System.Numerics;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>This customer address with this MAC in this VSID is behind this provider address (R72, R73).</summary>
public readonly record struct Mapping(
    Vsid Vsid,
    CustomerAddress Address,
    MacAddress Mac,
    ProviderAddress Provider,
    EncapsulationType Encapsulation);

/// <summary>
/// The CA-PA space of one routing domain: found by (VSID, CA) and by (VSID, MAC). Immutable, lock-free, shared by all ports of the domain; about
/// 80 bytes for each mapping, so a million fit where they must.
/// </summary>
public sealed class MappingSpace
{
    // Tenants choose their addresses: without secrets they could choose those that collide.
    private static readonly ulong s_firstSecret = Secret();
    private static readonly ulong s_secondSecret = Secret();

    private readonly Mapping[] _mappings;
    private readonly int[] _byAddress;
    private readonly int[] _byMac;
    private readonly FrozenDictionary<Vsid, int[]> _membersIPv4;
    private readonly FrozenDictionary<Vsid, int[]> _membersIPv6;
    private readonly FrozenDictionary<Vsid, MappingSpace> _peers;

    /// <summary>The space of these mappings; of two with the same VSID and CA the first counts.</summary>
    public MappingSpace(ReadOnlySpan<Mapping> mappings)
    {
        _mappings = mappings.ToArray();
        int buckets = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(4, mappings.Length + (mappings.Length / 2)));
        _byAddress = new int[buckets];
        _byMac = new int[buckets];
        Dictionary<Vsid, List<int>> ipv4 = [], ipv6 = [];
        int[] byFamilyMac = new int[buckets];
        for (int i = 0; i < _mappings.Length; i++)
        {
            Mapping mapping = _mappings[i];
            _ = Insert(_byMac, HashOf(mapping.Vsid, mapping.Mac), i, static (a, b) => a.Vsid == b.Vsid && a.Mac == b.Mac);
            if (Insert(_byAddress, HashOf(mapping.Vsid, mapping.Address), i, static (a, b) => a.Vsid == b.Vsid && a.Address == b.Address)
                && Insert(byFamilyMac, HashOf(mapping.Vsid, mapping.Mac), i, static (a, b) =>
                    a.Vsid == b.Vsid && a.Mac == b.Mac && a.Address.Value.IsIPv4 == b.Address.Value.IsIPv4))
            {
                Dictionary<Vsid, List<int>> members = mapping.Address.Value.IsIPv4 ? ipv4 : ipv6;
                if (!members.TryGetValue(mapping.Vsid, out List<int>? list))
                {
                    members.Add(mapping.Vsid, list = []);
                }

                list.Add(i);
            }
        }

        _membersIPv4 = ipv4.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.ToArray());
        _membersIPv6 = ipv6.ToFrozenDictionary(pair => pair.Key, pair => pair.Value.ToArray());
        _peers = FrozenDictionary<Vsid, MappingSpace>.Empty;
    }

    private MappingSpace(MappingSpace own, FrozenDictionary<Vsid, MappingSpace> peers)
    {
        _mappings = own._mappings;
        _byAddress = own._byAddress;
        _byMac = own._byMac;
        _membersIPv4 = own._membersIPv4;
        _membersIPv6 = own._membersIPv6;
        _peers = peers;
    }

    /// <summary>A space without mappings.</summary>
    public static MappingSpace Empty { get; } = new([]);

    /// <summary>All mappings of the space itself.</summary>
    public ReadOnlySpan<Mapping> Mappings => _mappings;

    /// <summary>
    /// The same space for a routing domain that is peered with others: what is sought in a VSID of a peer is found among the peer's own mappings, and
    /// not among those of the peer's peers.
    /// </summary>
    /// <param name="peers">For each VSID of a peer, the peer's space; VSIDs that this space owns stay its own.</param>
    public MappingSpace WithPeers(IReadOnlyDictionary<Vsid, MappingSpace> peers) =>
        new(this, peers.Where(peer => !Owns(peer.Key)).ToFrozenDictionary(peer => peer.Key, peer => peer.Value));

    /// <summary>True when the space itself, and not a peer, has mappings in the VSID.</summary>
    public bool Owns(Vsid vsid) => _membersIPv4.ContainsKey(vsid) || _membersIPv6.ContainsKey(vsid);

    /// <summary>Finds a customer address, of the space or of a peer.</summary>
    public bool TryFind(Vsid vsid, CustomerAddress address, out Mapping mapping) =>
        TryFindOwn(vsid, address, out mapping) || (_peers.TryGetValue(vsid, out MappingSpace? peer) && peer.TryFindOwn(vsid, address, out mapping));

    /// <summary>Finds a MAC, of the space or of a peer; the mapping is the first of its customer addresses.</summary>
    public bool TryFind(Vsid vsid, MacAddress mac, out Mapping mapping) =>
        TryFindOwn(vsid, mac, out mapping) || (_peers.TryGetValue(vsid, out MappingSpace? peer) && peer.TryFindOwn(vsid, mac, out mapping));

    /// <summary>
    /// Indexes into <see cref="Mappings"/>: one for each NIC of the virtual subnet that has an address of the family. A peer's subnets have none here.
    /// </summary>
    public ReadOnlySpan<int> Members(Vsid vsid, bool isIPv4) =>
        (isIPv4 ? _membersIPv4 : _membersIPv6).TryGetValue(vsid, out int[]? members) ? members : [];

    private bool TryFindOwn(Vsid vsid, CustomerAddress address, out Mapping mapping)
    {
        uint mask = (uint)_byAddress.Length - 1;
        for (uint at = HashOf(vsid, address) & mask; _byAddress[at] != 0; at = (at + 1) & mask)
        {
            ref readonly Mapping candidate = ref _mappings[_byAddress[at] - 1];
            if (candidate.Address == address && candidate.Vsid == vsid)
            {
                mapping = candidate;
                return true;
            }
        }

        mapping = default;
        return false;
    }

    private bool TryFindOwn(Vsid vsid, MacAddress mac, out Mapping mapping)
    {
        uint mask = (uint)_byMac.Length - 1;
        for (uint at = HashOf(vsid, mac) & mask; _byMac[at] != 0; at = (at + 1) & mask)
        {
            ref readonly Mapping candidate = ref _mappings[_byMac[at] - 1];
            if (candidate.Mac == mac && candidate.Vsid == vsid)
            {
                mapping = candidate;
                return true;
            }
        }

        mapping = default;
        return false;
    }

    private bool Insert(int[] buckets, uint hash, int index, Func<Mapping, Mapping, bool> same)
    {
        uint mask = (uint)buckets.Length - 1;
        uint at = hash & mask;
        for (; buckets[at] != 0; at = (at + 1) & mask)
        {
            if (same(_mappings[buckets[at] - 1], _mappings[index]))
            {
                return false;
            }
        }

        buckets[at] = index + 1;
        return true;
    }

    private static uint HashOf(Vsid vsid, CustomerAddress address) =>
        Fold(Mix(Mix(address.Value.High ^ s_firstSecret, address.Value.Low ^ s_secondSecret), vsid.Value ^ s_firstSecret));

    private static uint HashOf(Vsid vsid, MacAddress mac) => Fold(Mix(mac.Value ^ s_firstSecret, vsid.Value ^ s_secondSecret));

    private static uint Fold(ulong hash) => (uint)(hash ^ (hash >> 32));

    private static ulong Mix(ulong x, ulong y)
    {
        ulong high = Math.BigMul(x, y, out ulong low);
        return high ^ low;
    }

    private static ulong Secret() => (ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue);
}
