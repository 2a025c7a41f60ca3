using System.Collections.Immutable;
using Hnv.Primitives;

namespace Hnv.Linux;

/// <summary>One PA host vNIC as it is wanted (R66): a macvlan over one uplink of the host's team, with one provider address.</summary>
public sealed record PaInterface
{
    /// <summary>Which uplink of the team, from 0; the device in the compartment is called <c>pa0</c>, <c>pa1</c> …</summary>
    public required int TeamMember { get; init; }

    /// <summary>The host's device below. It keeps its own addresses and traffic; it may be the host's only NIC.</summary>
    public required string Uplink { get; init; }

    /// <summary>The provider address.</summary>
    public required ProviderAddress Address { get; init; }

    /// <summary>Length of the provider subnet's prefix.</summary>
    public required int PrefixLength { get; init; }

    /// <summary>The vNIC's MAC.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>The 802.1Q VLAN on the wire, 1 … 4094; 0 is untagged.</summary>
    public int VlanId { get; init; }

    /// <summary>The default gateway of this PA; null when its world is the provider subnet.</summary>
    public InetAddress? Gateway { get; init; }

    /// <summary>Further routes: destination and next hop.</summary>
    public ImmutableArray<(IpPrefix Destination, InetAddress NextHop)> Routes { get; init; } = [];

    /// <summary>Bytes of layer 3; null takes the uplink's.</summary>
    public int? Mtu { get; init; }

    /// <summary>The device's name in the compartment.</summary>
    public string DeviceName => NameOf(TeamMember);

    internal const string NamePrefix = "pa";

    internal static string NameOf(int teamMember) => NamePrefix + teamMember.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
