using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>SubnetEgressReset</c> (7.29): an action; what is read is the last one.</summary>
/// <remarks>
/// Hosts count on. What an interface had sent when its subnet was reset is kept with the action's document, not shown, and taken off from then on; so a reset is
/// as durable as any change, and loses nothing that was sent meanwhile.
/// </remarks>
internal static class SubnetEgressReset
{
    public const string Name = "subnetEgressReset";

    private const string Id = "Action";
    private const string Reference = $"/{Name}/{Id}";
    private const string Subnet = "virtualSubnetResourceReference";
    private const string BasesProperty = "egressBases";

    public static ResourceType Create() => new(Name)
    {
        SingletonId = Id,
        IsPreset = false,
        IsBare = true,
        Validate = Validate,
        Properties = new([new(Subnet, new TextSchema(lengthMax: 1024)) { Required = true }]),
    };

    /// <summary>What had been sent at the last resets, by interface; null when there was none.</summary>
    public static JsonObject? Bases(Snapshot snapshot) => snapshot.Find(Reference)?.Properties[BasesProperty] as JsonObject;

    /// <summary>What an interface had sent when its subnet was last reset.</summary>
    public static Counters.Egress BaseOf(Node nic, JsonObject? bases) => bases?[nic.InstanceId.ToString("D")] is JsonArray { Count: 2 } at
        ? new Counters.Egress((long)at[0]!, (long)at[1]!)
        : default;

    // A plain string, and 404 instead of the code of a bad reference (7.29).
    private static void Validate(RuleContext action)
    {
        if (action.Node.Text(Subnet) is not { } text)
        {
            return;
        }

        if (action.Before.Find(text) is not { Type.Path: VirtualNetworks.SubnetPath } subnet)
        {
            action.Fail(ErrorCodes.NotFound, Subnet, $"names {text}, which is no virtual subnet. Send for example /virtualNetworks/contoso/subnets/s1.");
            return;
        }

        JsonObject bases = Kept(action.Before);
        foreach (Node nic in Counters.InterfacesOf(subnet, action.Before))
        {
            if (action.Live?.CountersOf(nic) is { } totals)
            {
                bases[nic.InstanceId.ToString("D")] = new JsonArray(totals.BilledBytes, totals.UnbilledBytes);
            }
            else if (action.Live?.ServerOf(nic) is { } server)
            {
                action.Fail(ErrorCodes.RetryableError, Subnet, $"names {subnet.Ref}, and {server} has not said yet what {nic.Ref} has sent. Reset it again when the host answers.");
                return;
            }
        }

        if (bases.Count > 0)
        {
            action.Node.Properties[BasesProperty] = bases;
        }
    }

    /// <summary>The bases of interfaces that still exist.</summary>
    private static JsonObject Kept(Snapshot before)
    {
        if (Bases(before) is not { } bases)
        {
            return [];
        }

        HashSet<string> present = [.. before.All(NetworkInterfaces.Name).Select(nic => nic.InstanceId.ToString("D"))];
        return new JsonObject(bases.Where(each => present.Contains(each.Key)).Select(each => KeyValuePair.Create(each.Key, each.Value?.DeepClone())));
    }
}
