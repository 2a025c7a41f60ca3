using System.Diagnostics;

namespace Hnv.Vfp;

/// <summary>What kind of rule a rule is; VFP's own numbers. Those that no action of this engine makes are left out.</summary>
public enum RuleType : byte
{
    /// <summary>Admits.</summary>
    Allow = 1,

    /// <summary>Drops.</summary>
    Block = 2,

    /// <summary>Counts bytes.</summary>
    Meter = 3,

    /// <summary>Exchanges addresses in a fixed way, or the destination for one of several.</summary>
    Nat = 4,

    /// <summary>Gives the source an address and port of a pool.</summary>
    DynamicNat = 5,

    /// <summary>Takes the outer headers off.</summary>
    Decap = 6,

    /// <summary>Makes a packet to a group a packet to each member.</summary>
    MapOut = 7,

    /// <summary>Looks the provider address up in a space and encapsulates.</summary>
    MapEncap = 9,

    /// <summary>Looks the destination MAC up in a space.</summary>
    MapMacOut = 13,

    /// <summary>Copies to an appliance.</summary>
    Profile = 15,

    /// <summary>Leads into another virtual subnet.</summary>
    Redirect = 16,

    /// <summary>Holds bandwidth.</summary>
    Qos = 19,

    /// <summary>Chooses the outer source.</summary>
    PaRoute = 21,
}

/// <summary>The type of each action.</summary>
public static class RuleTypes
{
    /// <summary>The type that VFP gives such a rule.</summary>
    public static RuleType Of(RuleAction action) => action switch
    {
        RuleAction.Allow => RuleType.Allow,
        RuleAction.Block => RuleType.Block,
        RuleAction.Meter => RuleType.Meter,
        RuleAction.TranslatePrefix or RuleAction.TranslateDestination => RuleType.Nat,
        RuleAction.TranslateSource => RuleType.DynamicNat,
        RuleAction.Decap => RuleType.Decap,
        RuleAction.Replicate => RuleType.MapOut,
        RuleAction.EncapFromSpace => RuleType.MapEncap,
        RuleAction.MapMac => RuleType.MapMacOut,
        RuleAction.Mirror => RuleType.Profile,
        RuleAction.RedirectToRouter => RuleType.Redirect,
        RuleAction.Qos => RuleType.Qos,
        RuleAction.PaRoute => RuleType.PaRoute,
        _ => throw new UnreachableException($"The action {action.GetType().Name} has no rule type."),
    };
}
