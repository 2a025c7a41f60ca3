using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Controller.Planning;

/// <summary>
/// On which server each network interface's port is, by the servers' instanceIds, as the hosts report it. The planner also takes
/// what documents say about endpoints without a host agent.
/// </summary>
internal sealed record Placements(ImmutableDictionary<NicId, Guid> Servers)
{
    public static Placements None { get; } = new(ImmutableDictionary<NicId, Guid>.Empty);

    /// <summary>Where each port is, of all that hosts say.</summary>
    public static Placements Latest(IEnumerable<(NicId Nic, Guid Server, DateTimeOffset AttachedAt)> claims) =>
        new(claims.GroupBy(c => c.Nic).ToImmutableDictionary(g => g.Key, g => Latest(g.Select(c => KeyValuePair.Create(c.Server, c.AttachedAt)))));

    /// <summary>
    /// Of several hosts that claim one port, the one it was attached to last has it: so a machine moves. At the same instant the
    /// server's id decides, so that the answer does not depend on who was asked first.
    /// </summary>
    public static Guid Latest(IEnumerable<KeyValuePair<Guid, DateTimeOffset>> claims) => claims.MaxBy(claim => (claim.Value, claim.Key)).Key;
}
