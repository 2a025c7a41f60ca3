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
/// 90 bytes for each mapping, so a million fit where they must.
/// </summary>
public sealed class MappingSpace
{
    private readonly Mapping[] _mappings;
    private readonly int[] _byAddress;
    private readonly int[] _byMac;
    private readonly FrozenDictionary<Vsid, int[]> _membersIPv4;
    private readonly FrozenDictionary<Vsid, int[]> _membersIPv6;

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
    }

    /// <summary>A space without mappings.</summary>
    public static MappingSpace Empty { get; } = new([]);

    /// <summary>All mappings.</summary>
    public ReadOnlySpan<Mapping> Mappings => _mappings;

    /// <summary>Finds a customer address.</summary>
    public bool TryFind(Vsid vsid, CustomerAddress address, out Mapping mapping)
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

    /// <summary>Finds a MAC; the mapping is the first of its customer addresses.</summary>
    public bool TryFind(Vsid vsid, MacAddress mac, out Mapping mapping)
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

    /// <summary>Indexes into <see cref="Mappings"/>: one for each NIC of the virtual subnet that has an address of the family.</summary>
    public ReadOnlySpan<int> Members(Vsid vsid, bool isIPv4) =>
        (isIPv4 ? _membersIPv4 : _membersIPv6).TryGetValue(vsid, out int[]? members) ? members : [];

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

    private static uint HashOf(Vsid vsid, CustomerAddress address) => Mix(address.Value.Low ^ (address.Value.High * 0x9E37_79B9_7F4A_7C15), vsid.Value);

    private static uint HashOf(Vsid vsid, MacAddress mac) => Mix(mac.Value, vsid.Value);

    private static uint Mix(ulong value, uint vsid)
    {
        ulong high = Math.BigMul(value ^ 0xC2B2_AE3D_27D4_EB4F, (((ulong)vsid << 32) | vsid) ^ 0x1656_67B1_9E37_79F9, out ulong low);
        ulong mixed = high ^ low;
        return (uint)(mixed ^ (mixed >> 32));
    }
}
