using System.Diagnostics.CodeAnalysis;

namespace Hnv.Primitives;

/// <summary>
/// The instanceId of a <c>networkInterfaces</c> resource: what a VPort's profile names, what <c>FW_Rules.vnic_id</c> and
/// <c>Physical_Port.name</c> carry, and so what ties a device on a host to its policy.
/// </summary>
public readonly record struct NicId(Guid Value)
{
    /// <summary>Reads a GUID with or without braces.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out NicId id)
    {
        bool ok = Guid.TryParse(text, out Guid value);
        id = new NicId(value);
        return ok;
    }

    /// <summary>Without braces, as REST prints an instanceId.</summary>
    public override string ToString() => Value.ToString("D");
}
