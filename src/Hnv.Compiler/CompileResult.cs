using System.Collections.Immutable;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Compiler;

/// <summary>A host's policy, compiled, and all that was wrong with it. What is wrong changes nothing; the rest is in force.</summary>
/// <param name="Program">The program; always complete and installable.</param>
/// <param name="Errors">Empty when all of the policy was right.</param>
public sealed record CompileResult(SwitchProgram Program, ImmutableArray<PolicyError> Errors)
{
    /// <summary>
    /// Ports whose policy is wrong. Each runs what it ran before, or, having run nothing or on a host whose provider addresses have changed, drops
    /// everything.
    /// </summary>
    public required IReadOnlySet<NicId> Refused { get; init; }

    /// <summary>What the next compilation may go on with.</summary>
    internal Compilation? Compilation { get; init; }
}
