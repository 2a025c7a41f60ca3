using Hnv.Corpus.InMemory;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Corpus.Model;

/// <summary>
/// Says what must become of a packet, from the hosts' policies and what was sent before, by the requirements and nothing else: no layers, no flows,
/// no tables, every question asked anew of the policy's own records. Where the requirements leave a choice (a port of a pool, a target of a load
/// balancer, a member of a team) the model looks at what was chosen, checks that it was allowed, and holds the switch to it.
/// </summary>
public sealed partial class PacketModel
{
    private readonly List<ModelHost> _hosts = [];

    /// <summary>Coarse clock, milliseconds.</summary>
    public long Now { get; set; }

    /// <summary>The packets that guests got, as the last prediction had them.</summary>
    public IReadOnlyList<(NicId Nic, TenantPacket Packet)> LastReceived { get; private set; } = [];

    /// <summary>How often each thing that policy can ask for was met: a run that never met one has proved nothing about it.</summary>
    public SortedDictionary<string, int> Met { get; } = new(StringComparer.Ordinal);

    /// <summary>Adds a host; its index is the number of hosts before.</summary>
    public void AddHost(int underlayMtu) => _hosts.Add(new ModelHost(HostPolicy.Empty, underlayMtu));

    /// <summary>Puts a policy in force.</summary>
    public void Install(int host, HostPolicy policy) => _hosts[host].Install(policy);

    /// <summary>Plugs a NIC in.</summary>
    public void Attach(int host, NicId nic) => _hosts[host].Attach(nic);

    /// <summary>Unplugs a NIC; what was said there is forgotten.</summary>
    public void Detach(int host, NicId nic) => _hosts[host].Detach(nic);

    /// <summary>What a port is thought to remember of a packet's ports, and its translations, for whoever has to find out why it was wrong.</summary>
    public string Explain(int host, NicId nic, TenantPacket packet) => !_hosts[host].Plugged.TryGetValue(nic, out ModelPort? port) ? "" : string.Join('\n',
        port.Conversations
            .Where(each => each.Guest.Protocol == packet.Protocol && (each.Guest.LocalPort == packet.SourcePort || each.Guest.RemotePort == packet.SourcePort || each.Bound is not null))
            .Select(each => $"  {each.Guest} as {each.Network} {(each.IsOutbound ? "out" : "in")} bound {each.Bound} blocked {each.IsBlocked} closed {each.IsClosed}")
            .Concat(_hosts[host].PolicyOf(nic)?.Nat.Select(rule => $"  {rule} {string.Join(',', rule.External)} {string.Join(',', rule.Internal)} {string.Join(',', rule.Targets)}") ?? []));

    /// <summary>Longer than anything is kept idle has passed, and the hosts have looked.</summary>
    public void ForgetIdle()
    {
        foreach (ModelPort port in _hosts.SelectMany(host => host.Plugged.Values))
        {
            port.Forget();
        }
    }

    /// <summary>What must become of a packet that a guest sends.</summary>
    /// <param name="host">Where it is sent.</param>
    /// <param name="nic">By whom; plugged in.</param>
    /// <param name="packet">What.</param>
    /// <param name="isTagged">The guest has put a VLAN tag into the frame.</param>
    /// <param name="isCongested">The provider network marks what it may.</param>
    /// <param name="actual">What became of it: choices are read from it, nothing else.</param>
    /// <returns>One answer or, where nothing shows which choice was made, several: each in the words of <see cref="Line"/>.</returns>
    public IReadOnlyList<string> Expect(int host, NicId nic, TenantPacket packet, bool isTagged, bool isCongested, IReadOnlyList<Hop> actual)
    {
        ModelHost at = _hosts[host];
        ModelPort port = at.Plugged[nic];
        if (isTagged)
        {
            return [Line.Dropped(nic, "VlanTagged")];
        }

        if (at.PolicyOf(nic) is not { } policy)
        {
            return [Line.Dropped(nic, "NoPolicy")];
        }

        Plan[] plans = Outbound(at, port, policy, packet, Choice.Of(actual));
        if (plans.Length > 1)
        {
            // The choice left no trace because the packet ended here, whatever it was.
            return [.. plans.Select(plan => Only(at, port, policy, packet, plan, actual, isCongested)).Distinct()];
        }

        return [Only(at, port, policy, packet, plans[0], actual, isCongested)];
    }

    private string Only(ModelHost host, ModelPort port, PortPolicy policy, TenantPacket packet, Plan plan, IReadOnlyList<Hop> actual, bool isCongested)
    {
        Run run = new(actual, isCongested);
        CarryOut(run, host, port, policy, packet, plan);
        Drain(run);
        return run.ToString();
    }

    /// <summary>What must become of an encapsulated packet that anybody in the provider network sends.</summary>
    public string ExpectInjected(int host, uint vsid, ProviderAddress source, byte trafficClass, TenantPacket packet, IReadOnlyList<Hop> actual)
    {
        Run run = new(actual, isCongested: false);
        Receive(run, _hosts[host], vsid, source, trafficClass, packet);
        Drain(run);
        return run.ToString();
    }

    private void Drain(Run run)
    {
        while (run.Wires.TryDequeue(out Action? arrive))
        {
            arrive();
        }

        LastReceived = run.Received;
    }

    private void CarryOut(Run run, ModelHost host, ModelPort port, PortPolicy policy, TenantPacket packet, Plan plan)
    {
        if (plan.Mirror is { } appliance)
        {
            Mirror(run, host, port, packet, appliance);
        }

        if (plan.Drop is { } reason)
        {
            run.Add(Line.Dropped(port.Nic, reason));
        }
        else if (plan.Answer is { } answer)
        {
            run.Add(Line.Answered(port.Nic, answer));
        }

        foreach (Copy copy in plan.Copies)
        {
            TenantPacket edited = copy.Edit(packet);
            if (copy.Local is { } local)
            {
                Hand(run, host, local, edited, isMirror: false);
                continue;
            }

            IReadOnlyList<TenantPacket> pieces = Fit(host, copy.Remote!, edited);
            foreach (TenantPacket piece in pieces)
            {
                Wire(run, host, policy, copy.Remote!, piece);
            }

            if (pieces.Count == 0)
            {
                run.Add(Line.Dropped(port.Nic, "MtuExceeded"));
            }
        }
    }

    private void Hand(Run run, ModelHost host, ModelPort port, TenantPacket packet, bool isMirror)
    {
        run.Add(Line.Local(port.Nic, packet.Frame()));
        Deliver(run, host, port, packet, isMirror);
    }

    private void Wire(Run run, ModelHost host, PortPolicy policy, CaPaMapping to, TenantPacket packet) =>
        Wire(run, host, host.SourcesOf(policy, to.Provider.Value.IsIPv4), to, packet, isMirror: false);

    private void Wire(Run run, ModelHost host, IReadOnlyList<ProviderAddress> sources, CaPaMapping to, TenantPacket packet, bool isMirror)
    {
        byte outer = host.Policy.Settings.OuterDscp is { } dscp && !isMirror ? (byte)((dscp << 2) | (packet.TrafficClass & 3)) : packet.TrafficClass;
        ProviderAddress source = run.Sent(sources, from => Line.Wire(to.Encapsulation, to.Customer.Vsid.Value, from, to.Provider, outer, packet.Frame()));
        byte arrived = run.IsCongested && (outer & 3) != 0 ? (byte)(outer | 3) : outer;
        if (_hosts.Find(each => each.Owns(to.Provider)) is { } receiver)
        {
            run.Wires.Enqueue(() => Receive(run, receiver, to.Customer.Vsid.Value, source, arrived, packet));
        }
    }

    /// <summary>The copy for an appliance bears its MAC and is otherwise as it was at the guest.</summary>
    private void Mirror(Run run, ModelHost host, ModelPort port, TenantPacket packet, TenantEndpoint appliance)
    {
        Meet("mirror");
        CaPaMapping mapping = host.Find(appliance.Vsid, appliance.Address.Value)!;
        TenantPacket copy = packet with { DestinationMac = mapping.Mac };
        if (!host.Owns(mapping.Provider))
        {
            ProviderAddress[] sources = [host.Policy.ProviderAddresses.OrderBy(own => own.TeamMember).First(own => own.Address.Value.IsIPv4 == mapping.Provider.Value.IsIPv4).Address];
            foreach (TenantPacket piece in Fit(host, mapping, copy))
            {
                Wire(run, host, sources, mapping, piece, isMirror: true);
            }

            if (Fit(host, mapping, copy).Count == 0)
            {
                run.Add(Line.Dropped(port.Nic, "MtuExceeded"));
            }
        }
        else if (host.PortAt(appliance.Vsid, mapping.Mac) is { } local)
        {
            Hand(run, host, local, copy, isMirror: true);
        }
    }

    /// <summary>At the receiving host: the subnet must be here, the sender's host known, the destination one of its ports.</summary>
    private void Receive(Run run, ModelHost host, uint number, ProviderAddress source, byte trafficClass, TenantPacket packet)
    {
        bool isHere = Vsid.TryCreate(number, out Vsid vsid) && host.NetworkOf(vsid) is not null
            && host.Policy.Ports.Any(port => port.Vsid == vsid && host.Plugged.ContainsKey(port.Nic));
        if (!isHere)
        {
            run.Add(Line.Dropped(default, "UnknownVsid"));
        }
        else if (!host.Accepts(vsid, source))
        {
            run.Add(Line.Dropped(default, "UnknownProviderAddress"));
        }
        else if (host.PortAt(vsid, packet.DestinationMac) is not { } port)
        {
            run.Add(Line.Dropped(default, "WrongInnerDestination"));
        }
        else if ((trafficClass & 3) == 3 && (packet.TrafficClass & 3) == 0)
        {
            run.Add(Line.Dropped(port.Nic, "EcnNotCapable"));
        }
        else
        {
            Deliver(run, host, port, Combine(packet, trafficClass), isMirror: false);
        }
    }

    /// <summary>RFC 6040, figure 4.</summary>
    private static TenantPacket Combine(TenantPacket packet, byte outer)
    {
        int inner = packet.TrafficClass & 3, combined = (inner, outer & 3) switch
        {
            (1 or 2, 3) => 3,
            (2, 1) => 1,
            _ => inner,
        };
        return packet with { TrafficClass = (byte)((packet.TrafficClass & ~3) | combined) };
    }

    private void Deliver(Run run, ModelHost host, ModelPort port, TenantPacket packet, bool isMirror)
    {
        PortPolicy policy = host.PolicyOf(port.Nic)!;
        Plan plan = Inbound(host, port, policy, packet);
        if (plan.Drop is { } reason)
        {
            run.Add(Line.Dropped(port.Nic, reason));
            return;
        }

        TenantPacket edited = plan.Copies[0].Edit(packet);
        run.Add(Line.Delivered(port.Nic, edited.Frame()));
        run.Received.Add((port.Nic, edited));
        if (plan.Mirror is { } appliance && !isMirror)
        {
            Mirror(run, host, port, edited, appliance);
        }
    }

    private void Meet(string what) => Met[what] = Met.GetValueOrDefault(what) + 1;

    private static int MaxLength(ModelHost host, CaPaMapping to) => host.UnderlayMtu == 0
        ? 0
        : host.UnderlayMtu - (to.Provider.Value.IsIPv4 ? 20 : 40) - 8 - 14 - (to.Encapsulation == EncapsulationType.Vxlan ? 8 : 0);

    /// <summary>The packet as it fits the provider network: as it is, in pieces, or not at all.</summary>
    private IReadOnlyList<TenantPacket> Fit(ModelHost host, CaPaMapping to, TenantPacket packet)
    {
        int max = MaxLength(host, to);
        if (max == 0 || packet.NetworkLength <= max)
        {
            return [packet];
        }

        Meet("too long");
        return packet.IsIPv4 && !packet.DontFragment ? [.. Cut(packet, max)] : [];
    }

    /// <summary>Pieces of whole units of eight bytes that fit (RFC 791 §3.2).</summary>
    private static IEnumerable<TenantPacket> Cut(TenantPacket packet, int max)
    {
        int start = packet.Part?.Start ?? 0, length = packet.Part?.Length ?? packet.DatagramLength, unit = (max - 20) / 8 * 8;
        bool isLast = packet.Part?.IsLast ?? true;
        for (int at = 0; at < length; at += unit)
        {
            int size = Math.Min(unit, length - at);
            yield return packet with { Part = new FragmentPart(start + at, size, isLast && at + size == length) };
        }
    }
}
