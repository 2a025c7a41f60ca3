namespace Hnv.Lab.Topology;

/// <summary>One mistake in a lab file.</summary>
/// <param name="File">The file.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Reason">What is wrong and what would be right.</param>
public sealed record TopologyError(string File, int Line, string Reason)
{
    /// <summary><c>file:line: reason</c>, as compilers print it.</summary>
    public override string ToString() => $"{File}:{Line}: {Reason}";
}

/// <summary>A lab file that cannot be used, with every mistake in it. Nothing was made.</summary>
public sealed class TopologyException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="errors">At least one.</param>
    public TopologyException(IReadOnlyList<TopologyError> errors)
        : base(string.Join(Environment.NewLine, errors)) => Errors = errors;

    /// <summary>The mistakes, in file order.</summary>
    public IReadOnlyList<TopologyError> Errors { get; }
}
