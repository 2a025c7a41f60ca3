using System.Diagnostics.CodeAnalysis;

namespace Hnv.Primitives;

/// <summary>A Routing Domain ID (RDID): the GUID of one virtual network, the boundary of isolation and routing (R2, R4).</summary>
public readonly record struct RoutingDomainId(Guid Value)
{
    /// <summary>Reads a GUID with or without braces.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out RoutingDomainId id)
    {
        bool ok = Guid.TryParse(text, out Guid value);
        id = new RoutingDomainId(value);
        return ok;
    }

    /// <summary>The braced form, <c>{11111111-2222-3333-4444-000000000000}</c> (R4).</summary>
    public override string ToString() => Value.ToString("B");
}
