using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>Bandwidth of a port, shown as a rule and carried out by the executor (R107, R118).</summary>
internal static class QosLayer
{
    private const long Megabit = 1_000_000;
    private const int MegabitsMax = 1_000_000;

    public static PortRates Rates(PortPolicy port, string subject, List<PolicyError> errors)
    {
        PortQos qos = port.Qos;
        if (qos == PortQos.None)
        {
            return PortRates.None;
        }

        Check("outboundMaximumMbps", qos.OutboundMaximumMbps, MegabitsMax);
        Check("outboundReservedValue", qos.OutboundReserved, qos.IsWeight ? 100 : MegabitsMax);
        Check("inboundMaximumMbps", qos.InboundMaximumMbps, MegabitsMax);
        if (!qos.IsWeight && qos.OutboundMaximumMbps > 0 && qos.OutboundReserved > qos.OutboundMaximumMbps)
        {
            errors.Add(new PolicyError(
                subject, "outboundReservedValue", $"{qos.OutboundReserved} Mbit/s", $"must not be more than outboundMaximumMbps, {qos.OutboundMaximumMbps}"));
        }

        return new PortRates(
            qos.OutboundMaximumMbps * Megabit,
            qos.IsWeight ? 0 : qos.OutboundReserved * Megabit,
            qos.IsWeight ? Math.Max(1, qos.OutboundReserved) : 1,
            qos.InboundMaximumMbps * Megabit);

        void Check(string property, int value, int max)
        {
            if (value < 0 || value > max)
            {
                errors.Add(new PolicyError(subject, property, value.ToString(System.Globalization.CultureInfo.InvariantCulture), $"must be 0 … {max}; 0 is none"));
            }
        }
    }

    public static Layer? Compile(PortRates rates)
    {
        if (rates == PortRates.None)
        {
            return null;
        }

        RuleAction action = new RuleAction.Qos(rates);
        return new Layer(LayerNames.Qos, LayerPriorities.Qos, LayerConnections.AsksEachPacket,
        [
            .. from direction in (Direction[])[Direction.Outbound, Direction.Inbound]
               from isIPv4 in (bool[])[true, false]
               select new RuleGroup(
                   GroupNames.Of("QOS_GROUP", direction, isIPv4), direction, isIPv4, LayerPriorities.Group,
                   [new Rule("PORT_RATES", LayerPriorities.Group, Condition.Any, action, Terminating: true)]),
        ]);
    }
}
