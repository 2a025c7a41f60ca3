using System.Collections.Immutable;
using Hnv.Policy;

namespace Hnv.Southbound;

/// <summary>What the policy database of a host says.</summary>
/// <param name="Policy">All rows that make sense, in canonical order.</param>
/// <param name="Errors">The rows that do not; they are left out of the policy and harm no other row.</param>
public sealed record HostPolicyReading(HostPolicy Policy, ImmutableArray<PolicyRowError> Errors);

/// <summary>A row of the policy database that makes no sense.</summary>
/// <param name="Table">Its table.</param>
/// <param name="Row">Its name or identity.</param>
/// <param name="Column">The column, with the key for a map entry, as <c>properties:vsid</c>.</param>
/// <param name="Value">What stands there.</param>
/// <param name="Expected">What would be right.</param>
public sealed record PolicyRowError(string Table, string Row, string Column, string Value, string Expected)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Table} row {Row}: {Column} is '{Value}'; {Expected}.";
}
