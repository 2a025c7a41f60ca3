using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Schema;
using Hnv.Policy;

namespace Hnv.Controller.Resources;

/// <summary><c>portSettings.qosSettings</c> of a network interface (7.11).</summary>
internal static class PortQosSettings
{
    public const string Name = "qosSettings";

    private const string Reserved = "outboundReservedValue";
    private const string OutboundMaximum = "outboundMaximumMbps";
    private const string InboundMaximum = "inboundMaximumMbps";
    private const int WeightMax = 100;

    public static Property Create() => new(Name, new StructSchema(
        new(Reserved, new IntegerSchema(0, int.MaxValue)),
        new(OutboundMaximum, new IntegerSchema(0, int.MaxValue)),
        new(InboundMaximum, new IntegerSchema(0, int.MaxValue)),
        new("enableHardwareLimits", new BooleanSchema()) { Since = ApiVersion.V4 }));

    /// <summary>True when any of the three values is above zero.</summary>
    public static bool Asks(JsonNode? settings) => Value(settings, Reserved) > 0 || Value(settings, OutboundMaximum) > 0 || Value(settings, InboundMaximum) > 0;

    /// <summary>The limits as hosts are told.</summary>
    /// <param name="settings">The structure; null when absent.</param>
    /// <param name="byWeight">True when reservations are weights.</param>
    /// <param name="reservations">False when reservations are switched off.</param>
    /// <param name="whenAbsent">What is reserved for an interface that reserves nothing itself.</param>
    public static PortQos Plan(JsonNode? settings, bool byWeight, bool reservations, int whenAbsent)
    {
        int reserved = !reservations ? 0 : Value(settings, Reserved) is > 0 and int own ? own : whenAbsent;
        reserved = byWeight ? Math.Min(reserved, WeightMax) : reserved;
        return new PortQos(Value(settings, OutboundMaximum), reserved, IsWeight: reserved > 0 && byWeight, Value(settings, InboundMaximum));
    }

    public static void Validate(RuleContext nic, JsonNode? settings)
    {
        if (!Asks(settings))
        {
            return;
        }

        if (!VirtualSwitchManager.HasQos(nic.Before))
        {
            nic.Fail("QosGlobalSettingsNotConfigured", Name, $"asks for bandwidth, but nobody has said how it is reserved. PUT {VirtualSwitchManager.Ref} with qosSettings first.");
            return;
        }

        int reserved = Value(settings, Reserved);
        int maximum = Value(settings, OutboundMaximum);
        if (VirtualSwitchManager.ReservesByWeight(nic.Before))
        {
            if (reserved > WeightMax)
            {
                nic.Fail(ErrorCodes.InvalidParameterValue, $"{Name}.{Reserved}", $"{reserved} is no weight: reservationMode is Weight. Use a number up to {WeightMax}.");
            }
        }
        else if (maximum > 0 && reserved > maximum)
        {
            nic.Fail(ErrorCodes.InvalidParameterValue, $"{Name}.{Reserved}", $"{reserved} is more than {OutboundMaximum} {maximum}. Reserve no more than may be sent.");
        }
    }

    // Stores written before there was a bound may hold more.
    private static int Value(JsonNode? settings, string name) => (int)Math.Min((long?)settings?[name] ?? 0, int.MaxValue);
}
