using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// IPv6 network prefix translation (RFC 6296): one prefix is replaced by another, and one 16-bit word behind it is adjusted so that the
/// sum of the address stays what it was. No transport checksum changes, no state is kept, and the way back is the same with the prefixes
/// exchanged.
/// </summary>
public static class Nptv6
{
    /// <summary>The longest prefix that can be translated: the adjustment needs the interface identifier.</summary>
    public const int PrefixLengthMax = 64;

    /// <summary>Prefixes up to this length leave the subnet word for the adjustment (RFC 6296 §3.4).</summary>
    private const int SubnetWordPrefixLengthMax = 48;

    /// <summary>Translates an address of <paramref name="from"/> into one of <paramref name="to"/>.</summary>
    /// <param name="address">The address.</param>
    /// <param name="from">The prefix it lies in; the shorter prefix counts as extended with zeros to the longer one's length.</param>
    /// <param name="to">The prefix it gets.</param>
    /// <param name="translated">The address on the other side.</param>
    /// <returns>
    /// False when a prefix is not of IPv6 or longer than <see cref="PrefixLengthMax"/>, when the address does not lie in
    /// <paramref name="from"/>, and when every word that could be adjusted is 0xFFFF, which is the other zero (RFC 6296 §3.5, §3.6):
    /// such a packet is answered with "destination unreachable".
    /// </returns>
    public static bool TryTranslate(InetAddress address, IpPrefix from, IpPrefix to, out InetAddress translated)
    {
        translated = default;
        int length = Math.Max(from.Length, to.Length);
        if (from.IsIPv4 || to.IsIPv4 || length > PrefixLengthMax || !IpPrefix.Create(from.Address, length).Contains(address))
        {
            return false;
        }

        ulong mask = length == 0 ? 0 : ulong.MaxValue << (PrefixLengthMax - length);
        ulong high = to.Address.High | (address.High & ~mask);
        ulong low = address.Low;

        // What the address must gain for what its prefix loses.
        int adjustment = Add(Sum(from.Address.High), ~Sum(to.Address.High) & 0xFFFF);
        if (length <= SubnetWordPrefixLengthMax)
        {
            if (!TryAdjust(ref high, 0, adjustment))
            {
                return false;
            }
        }
        else if (!TryAdjust(ref low, 48, adjustment)
            && !TryAdjust(ref low, 32, adjustment)
            && !TryAdjust(ref low, 16, adjustment)
            && !TryAdjust(ref low, 0, adjustment))
        {
            return false;
        }

        translated = InetAddress.FromNumbers(high, low);
        return !translated.IsIPv4;
    }

    private static bool TryAdjust(ref ulong half, int shift, int adjustment)
    {
        int word = (int)(half >> shift) & 0xFFFF;
        if (word == 0xFFFF)
        {
            return false;
        }

        int adjusted = Add(word, adjustment);
        adjusted = adjusted == 0xFFFF ? 0 : adjusted;
        half = (half & ~(0xFFFFUL << shift)) | ((ulong)adjusted << shift);
        return true;
    }

    private static int Sum(ulong half) =>
        Add(Add((int)(half >> 48), (int)(half >> 32) & 0xFFFF), Add((int)(half >> 16) & 0xFFFF, (int)half & 0xFFFF));

    private static int Add(int a, int b)
    {
        int sum = a + b;
        return (sum & 0xFFFF) + (sum >> 16);
    }
}
