namespace Hnv.Compiler;

/// <summary>One thing that is wrong with a policy, said so that its author can put it right.</summary>
/// <param name="Subject">The object, as its author knows it: <c>networkInterfaces/web-nic0</c>.</param>
/// <param name="Property">The property that is wrong.</param>
/// <param name="Value">Its value.</param>
/// <param name="Expected">What would be right, and what to try.</param>
public sealed record PolicyError(string Subject, string Property, string Value, string Expected)
{
    /// <summary>One line with all of it.</summary>
    public override string ToString() => $"{Subject}: {Property} {Value}: {Expected}";
}
