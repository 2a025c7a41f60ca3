using Hnv.Primitives;

namespace Hnv.Policy;

/// <summary>This customer address, with this MAC, in this virtual subnet, is behind this provider address (R72, R73).</summary>
/// <param name="Customer">VSID and CA.</param>
/// <param name="Mac">The MAC of the virtual adapter that owns the CA.</param>
/// <param name="Provider">The PA of the host (or foreign VTEP) where it lives.</param>
/// <param name="Encapsulation">How to reach that PA.</param>
public sealed record CaPaMapping(TenantEndpoint Customer, MacAddress Mac, ProviderAddress Provider, EncapsulationType Encapsulation);
