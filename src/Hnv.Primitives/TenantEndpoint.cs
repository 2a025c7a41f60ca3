namespace Hnv.Primitives;

/// <summary>A customer address together with the virtual subnet that gives it meaning (R73).</summary>
public readonly record struct TenantEndpoint(Vsid Vsid, CustomerAddress Address)
{
    /// <summary><c>5001/10.1.1.11</c>.</summary>
    public override string ToString() => $"{Vsid}/{Address}";
}
