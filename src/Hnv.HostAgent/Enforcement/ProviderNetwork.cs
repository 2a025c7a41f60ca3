using System.Collections.Immutable;
using Hnv.Dataplane.Userspace;
using Hnv.HostAgent.Configuration;
using Hnv.Linux;
using Hnv.Linux.Netlink;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Southbound;

namespace Hnv.HostAgent.Enforcement;

/// <summary>
/// Makes the PA compartment and the executor's sockets in it follow the provider addresses of the policy (R66). Level-triggered, for the
/// policy loop alone; <see cref="Statuses"/> may be read by anyone.
/// </summary>
internal sealed class ProviderNetwork(AgentOptions options, UserspaceExecutor executor)
{
    private ImmutableArray<ProviderAddressPolicy> _inForce = [];
    private ImmutableDictionary<ProviderAddress, EnforcementStatus> _statuses = ImmutableDictionary<ProviderAddress, EnforcementStatus>.Empty;
    private bool _known;
    private int _uplinkMtu;

    /// <summary>
    /// The longest IP packet that every provider address of this host can send, bytes; 0 while there is none. Follows the uplinks.
    /// </summary>
    public int UnderlayMtu { get; private set; }

    /// <summary>How each provider address that was asked for is doing.</summary>
    public ImmutableDictionary<ProviderAddress, EnforcementStatus> Statuses => Volatile.Read(ref _statuses);

    /// <summary>True when some address could not be put in place, so that another try may help.</summary>
    public bool HasFaults => Statuses.Values.Any(status => status.State != EnforcementState.Running);

    /// <summary>Why ports without a VSID cannot reach the physical network; null when they can, or there are none.</summary>
    public string? UplinkFault { get; private set; }

    /// <summary>Lets ports without a VSID out by the first uplink of the team, while there are any (R18).</summary>
    public void FollowUplink()
    {
        try
        {
            executor.SetUplink(options.Uplinks.Count > 0 ? options.Uplinks[0] : null);
            UplinkFault = null;
        }
        catch (LinuxException error)
        {
            UplinkFault = error.Message;
        }
    }

    /// <summary>Makes it so.</summary>
    /// <param name="wanted">The provider addresses of the policy.</param>
    /// <param name="evenIfUnchanged">Look at what is really there although nothing new was asked for.</param>
    public void Follow(ImmutableArray<ProviderAddressPolicy> wanted, bool evenIfUnchanged)
    {
        bool same = _known && _inForce.AsSpan().SequenceEqual(wanted.AsSpan(), SameAddress.Instance);
        int uplinkMtu = UplinkMtu();
        if (same && !evenIfUnchanged && uplinkMtu == _uplinkMtu)
        {
            return;
        }

        ImmutableDictionary<ProviderAddress, EnforcementStatus>.Builder statuses = ImmutableDictionary.CreateBuilder<ProviderAddress, EnforcementStatus>();
        List<PaInterface> interfaces = [];
        foreach (ProviderAddressPolicy address in wanted)
        {
            if (address.TeamMember >= options.Uplinks.Count)
            {
                statuses[address.Address] = Failed(
                    $"team member {address.TeamMember} was asked for, and this host has {options.Uplinks.Count} uplink(s) ({string.Join(", ", options.Uplinks)}). "
                    + "Add the device to the agent's uplinks, or take the networkInterface out of the servers resource.");
                continue;
            }

            interfaces.Add(ToInterface(address, options.Uplinks[address.TeamMember]));
        }

        try
        {
            using (NetworkNamespace compartment = PaCompartment.Ensure(options.Compartment, interfaces))
            {
                UnderlayMtu = SmallestMtu(compartment, interfaces.Select(pa => pa.DeviceName));
                if (!same)
                {
                    executor.SetProviderEndpoints(options.Compartment, [.. interfaces.Select(pa => new ProviderEndpoint(pa.TeamMember, pa.Address, VlanId: pa.VlanId))]);
                }
            }

            foreach (PaInterface pa in interfaces)
            {
                statuses[pa.Address] = EnforcementStatus.Running;
            }

            (_inForce, _known, _uplinkMtu) = (wanted, true, uplinkMtu);
        }
        catch (LinuxException error)
        {
            _known = false;
            foreach (PaInterface pa in interfaces)
            {
                statuses[pa.Address] = Failed(error.Message);
            }
        }

        Volatile.Write(ref _statuses, statuses.ToImmutable());
    }

    /// <summary>The smallest of the team, so that a change is seen without looking into the compartment; 0 when there is no uplink.</summary>
    private int UplinkMtu()
    {
        using RouteSocket route = RouteSocket.Open();
        return options.Uplinks.Select(uplink => route.TryGetLink(uplink)?.Mtu ?? 0).DefaultIfEmpty().Min();
    }

    private static int SmallestMtu(NetworkNamespace compartment, IEnumerable<string> devices)
    {
        using RouteSocket inside = RouteSocket.Open(compartment);
        return devices.Select(device => inside.GetLink(device).Mtu).DefaultIfEmpty().Min();
    }

    private static EnforcementStatus Failed(string message) => new(EnforcementState.Failed, "PAAddressConfigurationFailure", message);

    private static PaInterface ToInterface(ProviderAddressPolicy address, string uplink) => new()
    {
        TeamMember = address.TeamMember,
        Uplink = uplink,
        Address = address.Address,
        PrefixLength = address.Prefix.Length,
        Mac = address.Mac,
        VlanId = address.VlanId,
        Gateway = address.Gateway,
        Routes = [.. address.Routes.Select(route => (route.Destination, route.NextHop))],
    };

    /// <summary>Two wishes are the same when the routes are, too; a record compares its array by reference.</summary>
    private sealed class SameAddress : IEqualityComparer<ProviderAddressPolicy>
    {
        public static SameAddress Instance { get; } = new();

        public bool Equals(ProviderAddressPolicy? x, ProviderAddressPolicy? y) =>
            x is not null && y is not null && x with { Routes = [] } == y with { Routes = [] } && x.Routes.AsSpan().SequenceEqual(y.Routes.AsSpan());

        public int GetHashCode(ProviderAddressPolicy address) => address.Address.GetHashCode();
    }
}
