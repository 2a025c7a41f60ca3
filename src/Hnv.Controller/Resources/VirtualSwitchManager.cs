using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Policy;

namespace Hnv.Controller.Resources;

/// <summary><c>virtualSwitchManager/configuration</c> (7.26): what holds for the switch of every host.</summary>
internal static class VirtualSwitchManager
{
    public const string Name = "virtualSwitchManager";
    public const string Ref = "/virtualSwitchManager/configuration";

    private const string QosSettings = "qosSettings";
    private const string ReservationMode = "reservationMode";
    private const string DefaultReserved = "defaultReservation";
    private const string PortDefaultState = "portDefaultState";
    private const string AllowTraffic = "AllowTraffic";

    public static ResourceType Create() => new(Name)
    {
        SingletonId = "configuration",
        Asynchronous = true,
        Validate = Validate,
        Properties = new(
        [
            // Empty until somebody configures it: the schema wants the member, and QosGlobalSettingsNotConfigured wants to know. Sent
            // back empty, as it was read, it stays so.
            new(QosSettings, new StructSchema(
                new(ReservationMode, new EnumSchema("Absolute", "Weight")) { Filled = true },
                new("linkSpeedPercentage", new IntegerSchema(0, 100)),
                new(DefaultReserved, new IntegerSchema(0, int.MaxValue)) { Filled = true },
                new("enableHardwareLimits", new BooleanSchema()),
                new("enableHardwareReservations", new BooleanSchema()),
                new("enableSoftwareReservations", new BooleanSchema()) { Aliases = ["enableSoftwareRevervation"] }))
            {
                Default = new JsonObject(),
            },
            new(PortDefaultState, new EnumSchema("Default", "BlockTraffic", AllowTraffic)) { Since = new(3, 1), Default = "Default" },
            new("numInterfacesHavingQos", new IntegerSchema(0, int.MaxValue))
            {
                Access = Access.ReadOnly,
                Compute = (_, view) => InterfacesHavingQos(view.Snapshot),
            },
        ]),
    };

    /// <summary>True when QoS has been configured.</summary>
    public static bool HasQos(Snapshot snapshot) => Qos(snapshot)?[ReservationMode] is not null;

    /// <summary>True when reservations are weights, not Mbit/s.</summary>
    public static bool ReservesByWeight(Snapshot snapshot) => (string?)Qos(snapshot)?[ReservationMode] != "Absolute";

    /// <summary>What an interface has reserved that asks for nothing; 0 also when reservations are switched off.</summary>
    public static int DefaultReservation(Snapshot snapshot) => ReservationsEnabled(snapshot) ? (int)((long?)Qos(snapshot)?[DefaultReserved] ?? 0) : 0;

    /// <summary>False when reservations have been switched off in so many words.</summary>
    public static bool ReservationsEnabled(Snapshot snapshot) => (bool?)Qos(snapshot)?["enableSoftwareReservations"] != false;

    /// <summary>The share of an uplink that may be reserved, per cent.</summary>
    public static int LinkSpeedPercentage(Snapshot snapshot) => (int)((long?)Qos(snapshot)?["linkSpeedPercentage"] ?? 100);

    /// <summary>What a port does without an access control list.</summary>
    public static PortDefaultState PortDefault(Snapshot snapshot) =>
        Enum.TryParse(snapshot.Find(Ref)?.Text(PortDefaultState), out PortDefaultState state) ? state : HostSettings.Default.PortDefault;

    /// <summary>Refuses what makes no sense while the filter is switched off (7.1, 7.18).</summary>
    public static void RequireFilter(RuleContext context)
    {
        if (PortDefault(context.Before) == Policy.PortDefaultState.AllowTraffic)
        {
            context.Errors.Add(new PolicyError(
                ErrorCodes.OperationNotSupported,
                context.Node.Ref,
                $"{context.Node.Ref}: cannot be put while {PortDefaultState} of {Ref} is {AllowTraffic}, which switches the filter off. PUT that with Default or BlockTraffic first.",
                StatusCodes.Status409Conflict));
        }
    }

    // What holds once somebody has said anything.
    private static void FillIn(RuleContext manager)
    {
        if (manager.Node.Properties[QosSettings] is JsonObject { Count: > 0 } qos)
        {
            qos.TryAdd(ReservationMode, "Weight");
            qos.TryAdd(DefaultReserved, 0L);
        }
    }

    private static JsonNode? Qos(Snapshot snapshot) => snapshot.Find(Ref)?.Properties[QosSettings];

    private static int InterfacesHavingQos(Snapshot snapshot) => snapshot.All(NetworkInterfaces.Name).Count(NetworkInterfaces.AsksForQos);

    private static void Validate(RuleContext manager)
    {
        FillIn(manager);
        if (manager.Existing is { } before && !JsonNode.DeepEquals(before.Properties[QosSettings], manager.Node.Properties[QosSettings])
            && InterfacesHavingQos(manager.Before) is > 0 and int count)
        {
            manager.Fail("InUseQosSettingsCannotBeUpdated", QosSettings, $"cannot change while {count} network interfaces have QoS settings. Take them out of those interfaces first.");
        }

        if (manager.Node.Text(PortDefaultState) == AllowTraffic
            && manager.Before.All(AccessControlLists.Name).Concat(manager.Before.All(VirtualNetworks.Name)).FirstOrDefault() is { } user)
        {
            manager.Errors.Add(new PolicyError(
                ErrorCodes.OperationNotSupported,
                manager.Node.Ref,
                $"{manager.Node.Ref}: {PortDefaultState} {AllowTraffic} switches the filter off that {user.Ref} needs. Delete it, or use Default or BlockTraffic.",
                StatusCodes.Status409Conflict));
        }
    }
}
