using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>
/// The provider addresses toward which less fits than the provider network promises, as a router on the way or the kernel said (RFC 1191, RFC
/// 8201). Immutable, bounded.
/// </summary>
internal sealed class PathMtus
{
    /// <summary>Provider addresses remembered; of more nothing is learnt until the first are forgotten.</summary>
    public const int CountMax = 4096;

    /// <summary>How long one is remembered, milliseconds (RFC 1191 §6.3).</summary>
    public const long LifeMs = 600_000;

    // What every path must take (RFC 791 §3.2, RFC 8200 §5): whoever forges a report cannot make tenants' packets smaller than that.
    private const int IPv4Minimum = 576, IPv6Minimum = 1280;

    private readonly ImmutableDictionary<ProviderAddress, (int Mtu, long Until)> _known;

    private PathMtus(ImmutableDictionary<ProviderAddress, (int Mtu, long Until)> known) => _known = known;

    public static PathMtus None { get; } = new(ImmutableDictionary<ProviderAddress, (int Mtu, long Until)>.Empty);

    /// <summary>The longest outer IP packet toward the address; 0 when nothing was learnt.</summary>
    public int MtuToward(ProviderAddress provider) => _known.TryGetValue(provider, out (int Mtu, long Until) path) ? path.Mtu : 0;

    /// <summary>The longest inner IP packet toward the address; 0 when nothing is known and nothing is too long.</summary>
    /// <param name="underlayMtu">What the provider network promises; 0 when unknown.</param>
    /// <param name="encapsulation">How the packet is to be encapsulated.</param>
    /// <param name="provider">The outer destination.</param>
    public ushort InnerLengthMax(int underlayMtu, EncapsulationType encapsulation, ProviderAddress provider)
    {
        int path = _known.Count == 0 ? 0 : MtuToward(provider);
        int mtu = path == 0 ? underlayMtu : underlayMtu == 0 ? path : Math.Min(path, underlayMtu);
        return mtu == 0 ? (ushort)0 : (ushort)Math.Max(1, mtu - Encapsulations.Overhead(encapsulation, provider));
    }

    /// <summary>With one more report; a longer one than is known changes nothing, because it may have passed another way.</summary>
    public PathMtus With(ProviderAddress provider, int mtu, long now)
    {
        int bounded = Math.Max(mtu, provider.Value.IsIPv4 ? IPv4Minimum : IPv6Minimum);
        bool isKnown = _known.TryGetValue(provider, out (int Mtu, long Until) before);
        return (isKnown && before.Mtu < bounded) || (!isKnown && _known.Count >= CountMax)
            ? this
            : new PathMtus(_known.SetItem(provider, (bounded, now + LifeMs)));
    }

    /// <summary>Without what has been remembered long enough; the same object when that is nothing.</summary>
    public PathMtus Without(long now)
    {
        ProviderAddress[] old = [.. _known.Where(path => path.Value.Until <= now).Select(path => path.Key)];
        return old.Length == 0 ? this : new PathMtus(_known.RemoveRange(old));
    }
}
