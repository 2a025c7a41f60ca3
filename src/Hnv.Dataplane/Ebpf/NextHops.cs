using Hnv.Linux;
using Hnv.Linux.Bpf;
using Hnv.Linux.Netlink;
using Hnv.Primitives;

namespace Hnv.Dataplane.Ebpf;

/// <summary>
/// Where packets for other hosts go: for each of their provider addresses the route and neighbour that the compartment's own stack has found, put
/// where the programs can read it. The stack stays in charge: what it has not resolved is not usable, and its way through the stack resolves it.
/// </summary>
internal sealed class NextHops : IDisposable
{
    private const int UnresolvedMs = 20;
    private const int SteadyMs = 1000;
    private const int EagerLooks = 50;
    private static readonly TimeSpan s_confirmEvery = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly BpfArray<NextHop> _map;
    private readonly Dictionary<(int TeamMember, ProviderAddress Provider), Hop> _hops = [];
    private readonly AutoResetEvent _asked = new(false);
    private readonly Thread _thread;
    private readonly Action<Exception> _fault;
    private Dictionary<int, TunnelDevice> _devices = [];
    private NetworkNamespace? _compartment;
    private readonly Stack<int> _free = new();
    private int _used;
    private int _eagerLooks;
    private volatile bool _stopping;

    public NextHops(BpfArray<NextHop> map, Action<Exception> fault)
    {
        _map = map;
        _fault = fault;
        _thread = new Thread(Run) { IsBackground = true, Name = "hnv-next-hops" };
        _thread.Start();
    }

    /// <summary>Hops that packets may leave by.</summary>
    public int UsableCount
    {
        get
        {
            lock (_gate)
            {
                return _hops.Values.Count(hop => hop.Device is not null);
            }
        }
    }

    /// <summary>The hop's place in the map; -1 when all places are taken. It becomes usable as soon as it is resolved.</summary>
    public int IndexOf(int teamMember, ProviderAddress provider)
    {
        lock (_gate)
        {
            if (_hops.TryGetValue((teamMember, provider), out Hop? known))
            {
                return known.Index;
            }

            if (!_free.TryPop(out int index))
            {
                if (_used == _map.Length)
                {
                    return -1;
                }

                index = _used++;
            }

            // Written down before anything is known of the way, so that whoever comes after us knows whose place it is.
            Hop hop = new(index);
            _map[index] = new NextHop
            {
                Source = _devices.TryGetValue(teamMember, out TunnelDevice? device) ? AbiFields.Words(device.Address.Value) : default,
                Destination = AbiFields.Words(provider.Value),
            };
            _hops.Add((teamMember, provider), hop);
            _eagerLooks = EagerLooks;
            _asked.Set();
            return hop.Index;
        }
    }

    /// <summary>The tunnel ends that packets leave by; null when there is no compartment. Hops are resolved anew before this returns.</summary>
    public void SetDevices(NetworkNamespace? compartment, IReadOnlyList<TunnelDevice> devices)
    {
        NetworkNamespace? previous;
        lock (_gate)
        {
            previous = _compartment;
            _compartment = compartment;
            _devices = devices.ToDictionary(device => device.TeamMember);
            Look(confirm: false);
        }

        previous?.Dispose();
    }

    /// <summary>
    /// Goes on with the hops that an earlier process left in the map, each in its place: flows that leave by them need not be told. To be called before
    /// the first hop is asked for.
    /// </summary>
    public void Adopt(IReadOnlyList<TunnelDevice> devices)
    {
        lock (_gate)
        {
            for (int index = 0; index < _map.Length; index++)
            {
                InetAddress source = AbiFields.Address(_map[index].Source), provider = AbiFields.Address(_map[index].Destination);
                if (provider == default)
                {
                    continue;
                }

                _used = index + 1;
                if (devices.FirstOrDefault(device => device.Address.Value == source) is { } own)
                {
                    _ = _hops.TryAdd((own.TeamMember, new ProviderAddress(provider)), new Hop(index));
                }
            }
        }
    }

    /// <summary>Once no flow names a hop that was not adopted: gives their places out again.</summary>
    public void EndAdoption()
    {
        lock (_gate)
        {
            HashSet<int> held = [.. _hops.Values.Select(hop => hop.Index)];
            for (int index = _used - 1; index >= 0; index--)
            {
                if (!held.Contains(index))
                {
                    _map[index] = default;
                    _free.Push(index);
                }
            }
        }
    }

    /// <summary>Stops following the compartment; the hops stay as they are.</summary>
    public void Dispose()
    {
        _stopping = true;
        _asked.Set();
        _thread.Join();
        _asked.Dispose();
        _compartment?.Dispose();
    }

    private void Run()
    {
        DateTime confirmed = DateTime.UtcNow;
        while (!_stopping)
        {
            int wait = Volatile.Read(ref _eagerLooks) > 0 ? UnresolvedMs : SteadyMs;
            _ = _asked.WaitOne(wait);
            bool confirm = DateTime.UtcNow - confirmed > s_confirmEvery;
            confirmed = confirm ? DateTime.UtcNow : confirmed;
            try
            {
                lock (_gate)
                {
                    Look(confirm);
                }
            }
            catch (LinuxException exception)
            {
                // The compartment is being taken apart, or the kernel is short of memory: look again later.
                _fault(exception);
            }
        }
    }

    private void Look(bool confirm)
    {
        if (_stopping)
        {
            return;
        }

        if (_compartment is null || _devices.Count == 0)
        {
            foreach (Hop hop in _hops.Values)
            {
                Close(hop);
            }

            return;
        }

        if (_hops.Count == 0)
        {
            return;
        }

        using RouteSocket inside = RouteSocket.Open(_compartment);
        IReadOnlyList<RouteInfo> routes = inside.Routes();
        Dictionary<(int, InetAddress), NeighbourInfo> neighbours = [];
        foreach (NeighbourInfo neighbour in inside.Neighbours())
        {
            neighbours[(neighbour.LinkIndex, neighbour.Address)] = neighbour;
        }

        HashSet<(int, InetAddress)> used = [];
        bool allResolved = true;
        foreach (((int teamMember, ProviderAddress provider), Hop hop) in _hops)
        {
            if (_devices.TryGetValue(teamMember, out TunnelDevice? device)
                && device.Address.Value.IsIPv4 == provider.Value.IsIPv4
                && RouteToward(routes, device, provider.Value) is { } route
                && neighbours.TryGetValue((device.LinkIndex, route.Gateway ?? provider.Value), out NeighbourInfo? neighbour)
                && neighbour.IsUsable)
            {
                Open(hop, device, provider, neighbour.Mac);
                _ = used.Add((device.LinkIndex, neighbour.Address));
            }
            else
            {
                Close(hop);
                allResolved = false;
            }
        }

        // Packets that bypass the stack do not tell it that a neighbour is in use: it would never ask whether its address is still right.
        foreach ((int link, InetAddress address) in confirm ? used : [])
        {
            inside.Confirm(link, address);
        }

        Volatile.Write(ref _eagerLooks, allResolved ? 0 : Math.Max(_eagerLooks - 1, 0));
    }

    private static RouteInfo? RouteToward(IReadOnlyList<RouteInfo> routes, TunnelDevice device, InetAddress provider) =>
        routes.Where(route => route.Table == device.Table && route.LinkIndex == device.LinkIndex && route.Destination.Contains(provider))
            .MaxBy(route => route.Destination.Length);

    private void Open(Hop hop, TunnelDevice device, ProviderAddress provider, MacAddress mac)
    {
        if (hop.Device == device && hop.Mac == mac)
        {
            return;
        }

        NextHop wanted = new()
        {
            IsUsable = 1,
            Device = (uint)device.UplinkIndex,
            Source = AbiFields.Words(device.Address.Value),
            Destination = AbiFields.Words(provider.Value),
            DestinationMac = AbiFields.Bytes(mac),
            SourceMac = AbiFields.Bytes(device.Mac),
            Vlan = (ushort)device.VlanId,
            IsIpv6 = provider.Value.IsIPv4 ? (ushort)0 : (ushort)1,
        };
        ref NextHop entry = ref _map[hop.Index];
        if (!AbiFields.Same(in entry, in wanted))
        {
            // A packet that reads it meanwhile finds it unusable, or at the worst half of one hop and half of the other: it is lost, as it would have been.
            Close(hop);
            entry = wanted with { IsUsable = 0 };
            Volatile.Write(ref entry.IsUsable, 1);
        }

        (hop.Device, hop.Mac) = (device, mac);
    }

    private void Close(Hop hop)
    {
        Volatile.Write(ref _map[hop.Index].IsUsable, 0);
        hop.Device = null;
    }

    private sealed class Hop(int index)
    {
        public int Index { get; } = index;

        /// <summary>What is in the map; null when nothing usable is.</summary>
        public TunnelDevice? Device { get; set; }

        public MacAddress Mac { get; set; }
    }
}

/// <summary>A provider address of this host and the devices it stands on.</summary>
/// <param name="TeamMember">What transpositions call it.</param>
/// <param name="Address">The address.</param>
/// <param name="Mac">The compartment's device's.</param>
/// <param name="LinkIndex">The compartment's device.</param>
/// <param name="UplinkIndex">The host's device below it.</param>
/// <param name="VlanId">Its VLAN on the wire; 0 is none.</param>
/// <param name="Table">The routing table of that address.</param>
internal sealed record TunnelDevice(int TeamMember, ProviderAddress Address, MacAddress Mac, int LinkIndex, int UplinkIndex, int VlanId, uint Table);
