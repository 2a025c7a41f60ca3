using System.Collections.Frozen;
using System.Text.RegularExpressions;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Http;

/// <summary>What a tenant may ask for at all, and what it is told when it is refused. Neither depends on what others have.</summary>
internal static partial class TenantRules
{
    // A type that is not here is the provider's: its documents count, share or configure what all tenants use.
    private static readonly FrozenSet<string> s_owned = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        VirtualNetworks.Name,
        NetworkInterfaces.Name,
        AccessControlLists.Name,
        RouteTables.Name,
        SecurityTags.Name,
        LearnedIPAddresses.Name,
        ServiceInsertions.Name,
        PublicIPAddresses.Name,
        LoadBalancers.Name,
        VirtualGateways.Name);

    /// <summary>Refuses a change of a type that is never a tenant's.</summary>
    /// <exception cref="RefusedException">403.</exception>
    public static void RequireOwned(ResourcePath path)
    {
        if (!s_owned.Contains(path.Steps[0].Type.Name))
        {
            throw new RefusedException(
                ErrorCodes.Forbidden, path.Ref, $"{path.Ref}: {path.Steps[0].Type.Name} are the provider's. A tenant changes {string.Join(", ", s_owned.Order(StringComparer.Ordinal))}.", StatusCodes.Status403Forbidden);
        }
    }

    /// <summary>
    /// A refusal as a tenant may read it. Rules explain a clash by naming the other side; where that is neither the tenant's nor a word of
    /// its own request, the explanation goes and the code stays.
    /// </summary>
    public static RefusedException Censor(RefusedException refused, Visibility who, Snapshot snapshot, string request) => new(
    [
        .. refused.Errors.Select(error => References().Matches(error.Message).All(match => MayRead(match.Value, who, snapshot, request))
            ? error
            : error with { Message = $"{error.Target}: clashes with what is not yours. Change it, or ask the provider." }),
    ]);

    private static bool MayRead(string reference, Visibility who, Snapshot snapshot, string request) =>
        request.Contains(reference, StringComparison.OrdinalIgnoreCase) || who.Sees(snapshot, reference);

    [GeneratedRegex(@"/[A-Za-z]+/[^/\s,;:'""()]+")]
    private static partial Regex References();
}
