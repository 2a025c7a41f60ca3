using Hnv.Dataplane.Ebpf;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// Carries packets between VM ports and the provider network as the ports decide, in this process: packet sockets on the ports' devices,
/// tunnel sockets in the PA compartment, super-packets whole. Runs on any Linux device; the reference for other executors.
/// </summary>
/// <remarks>
/// Devices are looked up in the network namespace of the thread that made the executor. All methods may be called from any thread, at
/// any time between <see cref="Start"/> and <see cref="Dispose"/>. What helps speed on a veth port: leave TSO, GSO and checksum offload
/// on at the guest's end (the defaults), so that guests hand over super-packets.
/// </remarks>
public sealed class UserspaceExecutor : IDisposable
{
    private const int TeamMembersMax = 256;
    private const int BacklogMin = 256 * 1024;
    private const int BacklogMax = 16 * 1024 * 1024;

    private readonly Lock _control = new();
    private readonly Dictionary<VPort, PortChannel> _channels = [];
    private readonly ExecutorOptions _options;
    private readonly VSwitch _switch;
    private readonly NetworkNamespace _host;
    private readonly Worker[] _workers;
    private readonly List<PacketSocket> _punts = [];
    private TunnelEnd?[] _tunnels = new TunnelEnd?[TeamMembersMax];
    private string? _uplinkDevice;
    private Uplink? _uplink;
    private int _nextWorker;
    private bool _isSharing;
    private bool _disposed;

    /// <summary>Makes an executor at rest.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option lies outside its range.</exception>
    public UserspaceExecutor(VSwitch vSwitch, ExecutorOptions? options = null)
    {
        _options = options ?? new ExecutorOptions();
        _options.Validate();
        _host = NetworkNamespace.OpenCurrent();
        _workers = [.. Enumerable.Range(0, _options.Workers).Select(number => new Worker(number, vSwitch, _options, _host, OnLost, OnPathMtu, number == 0 ? OnPolicyChanged : null))];
        _switch = vSwitch;
        try
        {
            Array.ForEach(_workers, OpenPunt);
        }
        catch
        {
            _punts.ForEach(socket => socket.Dispose());
            throw;
        }
    }

    /// <summary>What operators call it.</summary>
    public string Name => Fast is null ? "userspace" : "ebpf";

    /// <summary>An earlier process left flows in the kernel that have not been adopted.</summary>
    public bool IsAdopting => Fast is { IsAdopting: true };

    private FastPath? Fast => _options.FastPath;

    /// <summary>Starts the workers.</summary>
    public void Start() => Array.ForEach(_workers, worker => worker.Start());

    /// <summary>Opens the port's device and carries its packets from now on.</summary>
    /// <exception cref="LinuxException">There is no such device, the port has one already (EBUSY), or the process may not.</exception>
    public void AttachPort(VPort port)
    {
        lock (_control)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_channels.Values.FirstOrDefault(other => other.Port == port || other.Port.DeviceName == port.DeviceName) is { } holder)
            {
                const int ebusy = 16;
                throw new LinuxException($"attach (the device already serves port {holder.Port.Nic})", port.DeviceName, ebusy);
            }

            Worker worker = _workers[_nextWorker++ % _workers.Length];
            PacketSocket socket = _host.Run(() => Fast is null ? PacketSocket.OpenPort(port.DeviceName) : PacketSocket.OpenPortToSend(port.DeviceName));
            PortChannel channel;
            try
            {
                channel = new(port, socket, worker, _workers.Length) { Kernel = Fast?.Attach(port, worker.Number) };
            }
            catch
            {
                socket.Dispose();
                throw;
            }

            _channels.Add(port, channel);
            port.ExecutorState = channel;
            FollowRates();
            channel.Worker.Post(() => channel.Worker.Add(channel));
        }
    }

    /// <summary>Carries the port's packets no longer and lets go of its device. A port that is not attached is success.</summary>
    public void DetachPort(VPort port)
    {
        lock (_control)
        {
            if (_channels.Remove(port, out PortChannel? channel))
            {
                channel.Worker.Post(() => channel.Worker.Remove(channel));
                Release(channel);
                FollowRates();
            }
        }
    }

    /// <summary>
    /// Treats a frame as if the port's guest had sent it: the same guards, layers, counters and way. For a probe now and then, not for traffic: the port's
    /// worker stops for it.
    /// </summary>
    /// <param name="port">The port.</param>
    /// <param name="frame">An Ethernet frame with complete checksums.</param>
    /// <returns>False when the port's packets are not carried here.</returns>
    public bool Inject(VPort port, ReadOnlyMemory<byte> frame)
    {
        lock (_control)
        {
            if (_disposed || !_channels.TryGetValue(port, out PortChannel? channel))
            {
                return false;
            }

            channel.Worker.Post(() => channel.Worker.Inject(channel, frame.Span));
            return true;
        }
    }

    /// <summary>
    /// Opens tunnel ends in the compartment and closes those that are no longer wanted; one that stays is not disturbed.
    /// </summary>
    /// <exception cref="LinuxException">
    /// There is no such namespace, an address does not stand there, or another program holds the UDP port. What was open stays open.
    /// </exception>
    public void SetProviderEndpoints(string compartment, IReadOnlyList<ProviderEndpoint> endpoints)
    {
        if (endpoints.Any(endpoint => endpoint.TeamMember is < 0 or >= TeamMembersMax)
            || endpoints.Select(endpoint => endpoint.TeamMember).Distinct().Count() != endpoints.Count)
        {
            throw new ArgumentException($"Team members are numbers of their own, 0 to {TeamMembersMax - 1}.", nameof(endpoints));
        }

        lock (_control)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            TunnelEnd?[] tunnels = endpoints.Count == 0 ? new TunnelEnd?[TeamMembersMax] : OpenTunnels(compartment, endpoints);
            TunnelEnd?[] previous = _tunnels;
            _tunnels = tunnels;
            Array.ForEach(_workers, worker => worker.Post(() => worker.SetTunnels(tunnels)));
            Fast?.SetProviderEndpoints(compartment, endpoints);
            foreach (TunnelEnd unused in previous.OfType<TunnelEnd>().Except(tunnels.OfType<TunnelEnd>()))
            {
                unused.Dispose();
            }
        }
    }

    /// <summary>
    /// Names the device that frames of ports without a VSID leave and arrive by (R17, R18); null is none. It is opened only while policy has such a
    /// port; the host's own addresses and traffic on it are not touched. May be called again at any time to mend what has broken.
    /// </summary>
    /// <exception cref="LinuxException">It is needed, and there is no such device or it cannot be opened. Frames are dropped until it can.</exception>
    public void SetUplink(string? device)
    {
        lock (_control)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _uplinkDevice = device;
            FollowPlainPorts();
        }
    }

    /// <summary>
    /// Goes on with the flows that an earlier process left in the kernel, and begins to take what it does not know. To be called once, when policy is in
    /// force, the provider endpoints are set and the ports that go on are attached; without such flows it does nothing.
    /// </summary>
    /// <returns>Flows that go on, and those that do not.</returns>
    /// <exception cref="LinuxException">The kernel refused; no flow goes on, and all are decided anew.</exception>
    public (int Adopted, int Rejected) Adopt()
    {
        lock (_control)
        {
            if (_disposed || Fast is not { IsAdopting: true })
            {
                return (0, 0);
            }

            try
            {
                return Fast.Adopt();
            }
            finally
            {
                for (int i = 0; i < _workers.Length; i++)
                {
                    (Worker worker, PacketSocket socket) = (_workers[i], _punts[i]);
                    worker.Post(() => worker.AddPunt(socket));
                }
            }
        }
    }

    /// <summary>Has an action run while no worker takes packets.</summary>
    internal void Pause(Action action)
    {
        Action stopped = action;
        foreach (Worker worker in _workers)
        {
            Action inner = stopped;
            stopped = () => worker.Post(inner);
        }

        stopped();
    }

    /// <summary>Stops the workers, lets go of all devices and closes all tunnel ends. Ports stay walled off from the host's own stack, as after a crash.</summary>
    public void Dispose()
    {
        lock (_control)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            Array.ForEach(_workers, worker => worker.Dispose());
            foreach (PortChannel channel in _channels.Values)
            {
                channel.Port.ExecutorState = null;
                if (Fast is { IsKept: false })
                {
                    LeaveKernel(channel);
                }

                channel.Socket.Dispose();
            }

            _punts.ForEach(socket => socket.Dispose());

            _channels.Clear();
            _uplink?.Socket.Dispose();
            foreach (TunnelEnd tunnel in _tunnels.OfType<TunnelEnd>())
            {
                tunnel.Dispose();
            }

            _host.Dispose();
        }
    }

    /// <summary>Makes what keeps the ports' rates follow policy.</summary>
    private void FollowRates()
    {
        long link = _switch.Program.LinkBitsPerSecond;
        bool isSharing = link > 0 && _channels.Keys.Any(HasShare);
        foreach (PortChannel channel in _channels.Values)
        {
            FollowTap(channel, isSharing);
            PortRates rates = ProgramOf(channel.Port)?.Rates ?? PortRates.None;
            long limit = rates.OutboundMaximum > 0 ? rates.OutboundMaximum : isSharing ? link : 0;
            if (rates == channel.Rates && limit == channel.OutboundLimit)
            {
                continue;
            }

            channel.Rates = rates;
            channel.OutboundLimit = limit;
            channel.Outbound.Rate = limit;
            channel.Socket.SetBacklog(limit > 0 ? BacklogOf(limit) : null);
            if (rates.InboundMaximum > 0)
            {
                Array.ForEach(_workers, worker => worker.Post(() => channel.EnsureQueue(worker.Number, BacklogOf(rates.InboundMaximum))));
            }

            channel.Inbound.Rate = rates.InboundMaximum;
        }

        if (isSharing || _isSharing)
        {
            _isSharing = isSharing;
            LinkSharing? sharing = isSharing ? new LinkSharing([.. _channels.Values], link) : null;
            _workers[0].Post(() => _workers[0].SetSharing(sharing));
            foreach (PortChannel channel in isSharing ? Enumerable.Empty<PortChannel>() : _channels.Values)
            {
                channel.Outbound.Rate = channel.OutboundLimit;
            }
        }

        bool HasShare(VPort port) => ProgramOf(port)?.Rates is { OutboundReserved: > 0 } or { OutboundWeight: > 1 };
    }

    /// <summary>What has to be paced, and what belongs to no virtual subnet, is read from the device itself.</summary>
    private void FollowTap(PortChannel channel, bool isSharing)
    {
        bool isTapped = isSharing || ProgramOf(channel.Port) is { } program && (program.Rates != PortRates.None || !program.IsVirtualized);
        if (channel.Kernel is { } kernel && kernel.IsTapped != isTapped)
        {
            Fast!.SetTapped(kernel, isTapped);
            channel.Socket.Listen(isTapped);
        }
    }

    private void LeaveKernel(PortChannel channel)
    {
        if (channel.Kernel is { } kernel)
        {
            Fast!.Detach(kernel);
        }
    }

    private void OpenPunt(Worker worker)
    {
        if (Fast is not null)
        {
            PacketSocket socket = Fast.OpenPuntDevice();
            _punts.Add(socket);
            if (!Fast.IsAdopting)
            {
                worker.Post(() => worker.AddPunt(socket));
            }
        }
    }

    /// <summary>What policy in force has for a port; the port itself may be given it a moment later.</summary>
    private PortProgram? ProgramOf(VPort port) => _switch.Program.Ports.GetValueOrDefault(port.Nic);

    /// <summary>What may wait at a rate: 50 ms of it, and no less than a few super-packets.</summary>
    private static int BacklogOf(long bitsPerSecond) => (int)Math.Clamp(bitsPerSecond / 8 / 20, BacklogMin, BacklogMax);

    private void FollowPlainPorts()
    {
        MacAddress[] plain = _uplinkDevice is null
            ? []
            : [.. _switch.Ports.Select(ProgramOf).OfType<PortProgram>().Where(program => program is { IsVirtualized: false, IsFailClosed: false }).Select(program => program.Mac)];
        if (_uplink is not null && (plain.Length == 0 || _uplink.Socket.Name != _uplinkDevice || !_host.Run(() => _uplink.Socket.IsDevicePresent)))
        {
            Uplink old = _uplink;
            _uplink = null;
            Array.ForEach(_workers, worker => worker.Post(() => worker.SetUplink(null)));
            old.Socket.Dispose();
        }

        if (plain.Length > 0 && _uplink is null)
        {
            PacketSocket socket = _host.Run(() => PacketSocket.Open(_uplinkDevice!));
            _uplink = new Uplink(socket) { IsLimited = socket.LimitDestinations(plain) };
            Array.ForEach(_workers, worker => worker.Post(() => worker.SetUplink(_uplink)));
        }
        else if (_uplink is not null)
        {
            _uplink.IsLimited = _uplink.Socket.LimitDestinations(plain);
        }
    }

    private TunnelEnd?[] OpenTunnels(string compartment, IReadOnlyList<ProviderEndpoint> endpoints)
    {
        using NetworkNamespace ns = NetworkNamespace.Open(compartment);
        if (Fast is null)
        {
            FastPath.RemoveFromUplinks(_host, ns, endpoints);
        }

        return ns.Run(() =>
        {
            string identity = new FileInfo("/proc/thread-self/ns/net").LinkTarget ?? compartment;
            TunnelEnd?[] tunnels = new TunnelEnd?[TeamMembersMax];
            List<TunnelEnd> opened = [];
            try
            {
                foreach (ProviderEndpoint endpoint in endpoints)
                {
                    TunnelEnd? kept = _tunnels.FirstOrDefault(tunnel => tunnel?.Endpoint == endpoint && tunnel.Compartment == identity);
                    if (kept is null)
                    {
                        opened.Add(kept = TunnelEnd.Open(endpoint, identity, _options));
                    }

                    tunnels[endpoint.TeamMember] = kept;
                }

                return tunnels;
            }
            catch
            {
                opened.ForEach(tunnel => tunnel.Dispose());
                throw;
            }
        });
    }

    /// <summary>The port's own worker has let go already; the others may still be sending to it until they have passed a turn.</summary>
    private void Release(PortChannel channel)
    {
        channel.Port.ExecutorState = null;
        LeaveKernel(channel);
        Array.ForEach(_workers, worker => worker.Post(() => worker.Forget(channel)));
        channel.Socket.Release(_host);
    }

    /// <summary>On a worker, a few times a second at most: what is noted makes the switch decide flows anew, which is no work for a worker.</summary>
    private void OnPathMtu(ProviderAddress destination, int mtu) =>
        _ = ThreadPool.UnsafeQueueUserWorkItem(_ => _switch.ReportPathMtu(destination, mtu, Environment.TickCount64), null);

    /// <summary>On a worker: ports may have other rates now, and there may be another without a VSID, or one less.</summary>
    private void OnPolicyChanged() => _ = ThreadPool.UnsafeQueueUserWorkItem(
        _ =>
        {
            lock (_control)
            {
                try
                {
                    if (!_disposed)
                    {
                        FollowRates();
                        FollowPlainPorts();
                    }
                }
                catch (LinuxException)
                {
                    // Whoever named the uplink hears of it when they name it again.
                }
            }
        },
        null);

    /// <summary>On a worker: the device is gone. The rest is done elsewhere, for a worker must not wait for itself.</summary>
    private void OnLost(PortChannel channel, int errno)
    {
        channel.Port.ExecutorState = null;
        _ = ThreadPool.UnsafeQueueUserWorkItem(_ =>
        {
            lock (_control)
            {
                if (_disposed || !_channels.Remove(channel.Port))
                {
                    return;
                }

                Release(channel);
            }

            LinuxException reason = new("receive (the device has vanished)", channel.Port.DeviceName, errno);
            _options.PortLost?.Invoke(channel.Port, reason.Message);
        }, null);
    }
}
