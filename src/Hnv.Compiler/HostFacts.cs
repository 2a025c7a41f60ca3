namespace Hnv.Compiler;

/// <summary>What a program depends on beside policy: how this host is made.</summary>
/// <param name="UnderlayMtu">The longest IP packet that the provider network takes, bytes; 0 when unknown.</param>
public sealed record HostFacts(int UnderlayMtu)
{
    /// <summary>A host of which nothing is known.</summary>
    public static HostFacts Unknown { get; } = new(UnderlayMtu: 0);
}
