using Hnv.Controller.Engine;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>SubnetEgressReset</c> (7.29): an action; what is read is the last one.</summary>
internal static class SubnetEgressReset
{
    public const string Name = "subnetEgressReset";

    private const string Subnet = "virtualSubnetResourceReference";

    public static ResourceType Create() => new(Name)
    {
        SingletonId = "Action",
        IsPreset = false,
        IsBare = true,
        Validate = Validate,
        Properties = new([new(Subnet, new TextSchema(lengthMax: 1024)) { Required = true }]),
    };

    // A plain string, and 404 instead of the code of a bad reference (7.29).
    private static void Validate(RuleContext action)
    {
        if (action.Node.Text(Subnet) is { } text && action.Before.Find(text) is not { Type.Path: VirtualNetworks.SubnetPath })
        {
            action.Fail(ErrorCodes.NotFound, Subnet, $"names {text}, which is no virtual subnet. Send for example /virtualNetworks/contoso/subnets/s1.");
        }
    }
}
