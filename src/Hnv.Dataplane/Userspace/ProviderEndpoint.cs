using Hnv.Primitives;

namespace Hnv.Dataplane.Userspace;

/// <summary>One tunnel end of this host: a provider address that stands in the compartment, and what it speaks.</summary>
/// <param name="TeamMember">What transpositions call it; 0 … 255.</param>
/// <param name="Address">The provider address.</param>
/// <param name="Vxlan">Open UDP sockets.</param>
/// <param name="Nvgre">Open a raw GRE socket.</param>
/// <param name="VlanId">Its VLAN on the wire, 1 … 4094; 0 is untagged.</param>
public sealed record ProviderEndpoint(int TeamMember, ProviderAddress Address, bool Vxlan = true, bool Nvgre = true, int VlanId = 0);
