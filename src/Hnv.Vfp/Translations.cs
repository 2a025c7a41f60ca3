using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>What translation rules make of addresses. Pure.</summary>
internal static class Translations
{
    /// <summary>Exchanges one prefix of an address for another of the same length.</summary>
    /// <returns>False for the few addresses that RFC 6296 §3.5 cannot translate.</returns>
    public static bool TryExchange(InetAddress address, RuleAction.TranslatePrefix rule, out InetAddress translated)
    {
        if (rule.IsChecksumNeutral)
        {
            return Nptv6.TryTranslate(address, rule.From, rule.To, out translated);
        }

        InetAddress mask = MaskOf(rule.To);
        translated = InetAddress.FromNumbers(
            (rule.To.Address.High & mask.High) | (address.High & ~mask.High),
            (rule.To.Address.Low & mask.Low) | (address.Low & ~mask.Low));
        return true;
    }

    /// <summary>The target of a connection: always the same one for the same 5-tuple, also on another host and after a restart.</summary>
    public static TranslationTarget Choose(ImmutableArray<TranslationTarget> targets, in Ufid flow)
    {
        uint hash = new Ufid(
            flow.Source, flow.Destination, default, default, flow.EtherType, flow.Protocol, FragmentClass.Whole,
            flow.SourcePort, IcmpFlows.IsIcmp(in flow) ? (ushort)0 : flow.DestinationPort).Hash();
        return targets[(int)(((ulong)hash * (uint)targets.Length) >> 32)];
    }

    /// <summary>Could a rule have made this conversation's other face?</summary>
    public static bool CouldGive(RuleAction action, Direction direction, in Ufid flow, in ConnectionKey other) => action switch
    {
        RuleAction.TranslatePrefix prefix =>
            TryExchange(direction == Direction.Outbound ? flow.Source : flow.Destination, prefix, out InetAddress translated) && translated == other.Local,
        RuleAction.TranslateSource source =>
            TransportPorts.Has(flow.Protocol) || IcmpFlows.IsIcmp(in flow) ? source.Pool.Holds(other.Local, other.LocalPort) : source.Pool.Addresses.Contains(other.Local),
        RuleAction.TranslateDestination destination => IsOneOf(
            destination.Targets,
            direction == Direction.Outbound ? other.Remote : other.Local,
            !TransportPorts.Has(flow.Protocol) ? null : direction == Direction.Outbound ? other.RemotePort : other.LocalPort),
        _ => false,
    };

    private static bool IsOneOf(ImmutableArray<TranslationTarget> targets, InetAddress address, ushort? port)
    {
        foreach (TranslationTarget target in targets)
        {
            if (target.Address == address && (target.Port == 0 || port is null || target.Port == port))
            {
                return true;
            }
        }

        return false;
    }

    private static InetAddress MaskOf(IpPrefix prefix)
    {
        int length = prefix.IsIPv4 ? prefix.Length + 96 : prefix.Length;
        return InetAddress.FromNumbers(
            length >= 64 ? ulong.MaxValue : length == 0 ? 0 : ulong.MaxValue << (64 - length),
            length <= 64 ? 0 : length == 128 ? ulong.MaxValue : ulong.MaxValue << (128 - length));
    }
}

/// <summary>What encapsulations cost.</summary>
public static class Encapsulations
{
    private const int InnerEthernet = 14, Udp = 8, TunnelHeader = 8, IPv4 = 20, IPv6 = 40;

    /// <summary>Bytes between the inner IP packet and the outer one: 50 or 70 for VXLAN, 42 or 62 for NVGRE.</summary>
    public static int Overhead(EncapsulationType encapsulation, ProviderAddress provider) =>
        (provider.Value.IsIPv4 ? IPv4 : IPv6) + TunnelHeader + InnerEthernet + (encapsulation == EncapsulationType.Vxlan ? Udp : 0);
}
