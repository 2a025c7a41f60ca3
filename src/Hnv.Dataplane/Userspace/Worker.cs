using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Hnv.Dataplane.Ebpf;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// One thread of the executor: waits for its ports and tunnel sockets and gives each ready one a bounded turn. Its lists change only
/// between turns, by what others post; so when <see cref="Post"/>'s action has run, nothing from before it is in use here any more.
/// </summary>
internal sealed class Worker : IDisposable
{
    private const int IdleMs = 1000;

    /// <summary>How long until a device that said it went down is looked at again: it says so once, and a moment before it is gone.</summary>
    private const int SuspectMs = 20;

    /// <summary>Looks at such a device before it is taken for merely down; the socket follows it when it comes up again.</summary>
    private const int SuspectLooks = 100;

    private readonly EventPoll _poll = new();
    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly List<object?> _sources = [];
    private readonly List<(PortChannel Channel, int Errno, int Looks)> _suspects = [];
    private readonly List<PortChannel> _paused = [];
    private readonly ulong[] _ready = new ulong[256];
    private readonly Action? _policyChanged;
    private readonly VSwitch _switch;
    private readonly Departures _departures;
    private readonly Pacing _pacing;
    private readonly FastPath? _fastPath;
    private readonly Offers _offers;
    private readonly Forwarder _forwarder;
    private readonly PathWatch _paths;
    private readonly Advertisements _advertisements;
    private readonly OutboundPath _outbound;
    private readonly InboundPath _inbound;
    private readonly Action<PortChannel, int> _lost;
    private readonly Action<Exception>? _fault;
    private readonly NetworkNamespace _host;
    private readonly Thread _thread;
    private TunnelEnd?[] _tunnels = new TunnelEnd?[256];
    private Uplink? _uplink;
    private UplinkPath? _uplinkPath;
    private LinkSharing? _sharing;
    private uint _generation;
    private volatile bool _stopping;

    public Worker(
        int number, VSwitch vSwitch, ExecutorOptions options, NetworkNamespace host, Action<PortChannel, int> lost, Action<ProviderAddress, int> pathMtu, Action? policyChanged)
    {
        Number = number;
        _host = host;
        _lost = lost;
        _switch = vSwitch;
        _policyChanged = policyChanged;
        _fault = options.WorkerFault;
        _departures = new Departures(OnRefused);
        _pacing = new Pacing(number, _departures);
        _fastPath = options.FastPath;
        _offers = new Offers(_fastPath);
        _forwarder = new Forwarder(_departures, _pacing, _offers, options.VxlanPort);
        _paths = new PathWatch(options.VxlanPort, pathMtu);
        _outbound = new OutboundPath(_departures, _forwarder, _offers);
        _inbound = new InboundPath(vSwitch, _departures, _forwarder, _pacing, _offers);
        _advertisements = new Advertisements(_departures);
        _thread = new Thread(Run) { IsBackground = true, Name = $"hnv-worker-{number.ToString(CultureInfo.InvariantCulture)}" };
    }

    public int Number { get; }

    public void Start() => _thread.Start();

    /// <summary>Has the action run between two turns, and waits until it has.</summary>
    public void Post(Action action)
    {
        if (!_thread.IsAlive)
        {
            action();
            return;
        }

        using ManualResetEventSlim done = new();
        Exception? failure = null;
        _posted.Enqueue(() =>
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                failure = exception;
            }
            finally
            {
                done.Set();
            }
        });
        _poll.Wake();
        done.Wait();
        if (failure is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>To be called from a posted action: from now on what the fast path hands to this worker is read.</summary>
    public void AddPunt(PacketSocket socket) => AddSource(socket, socket);

    /// <summary>To be called from a posted action.</summary>
    public void Add(PortChannel channel) => AddSource(channel, channel.Socket);

    /// <summary>To be called from a posted action.</summary>
    public void Remove(PortChannel channel)
    {
        _ = _paused.Remove(channel);
        _ = _suspects.RemoveAll(suspect => ReferenceEquals(suspect.Channel, channel));
        RemoveSource(channel, channel.Socket);
    }

    /// <summary>To be called from a posted action: treats a frame as if the port's guest had sent it.</summary>
    public void Inject(PortChannel channel, ReadOnlySpan<byte> frame)
    {
        _offers.Begin();
        _outbound.RunInjected(channel, frame, Environment.TickCount64);
        _offers.Flush();
    }

    /// <summary>To be called from a posted action: nothing waits for that port any more.</summary>
    public void Forget(PortChannel channel) => _pacing.Remove(channel);

    /// <summary>To be called from a posted action: what divides the link from now on; null when nothing does.</summary>
    public void SetSharing(LinkSharing? sharing) => _sharing = sharing;

    /// <summary>To be called from a posted action: from now on these tunnel ends are sent from and listened to.</summary>
    public void SetTunnels(TunnelEnd?[] tunnels)
    {
        foreach (TunnelEnd tunnel in _tunnels.OfType<TunnelEnd>().Except(tunnels.OfType<TunnelEnd>()))
        {
            ForTunnel(tunnel, RemoveSource);
        }

        foreach (TunnelEnd tunnel in tunnels.OfType<TunnelEnd>().Except(_tunnels.OfType<TunnelEnd>()))
        {
            ForTunnel(tunnel, AddSource);
        }

        _tunnels = tunnels;
        _forwarder.SetTunnels(tunnels);
    }

    /// <summary>To be called from a posted action: from now on ports without a VSID send by this uplink, and the first worker listens to it.</summary>
    public void SetUplink(Uplink? uplink)
    {
        if (_uplink is not null && Number == 0)
        {
            RemoveSource(_uplink, _uplink.Socket);
        }

        if (uplink is not null && Number == 0)
        {
            _uplinkPath ??= new UplinkPath(_switch, _forwarder);
            AddSource(uplink, uplink.Socket);
        }

        _uplink = uplink;
        _forwarder.SetUplink(uplink?.Socket);
    }

    public void Dispose()
    {
        _stopping = true;
        _poll.Wake();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        _poll.Dispose();
    }

    private void Run()
    {
        _host.Enter();
        while (!_stopping)
        {
            while (_posted.TryDequeue(out Action? action))
            {
                action();
            }

            LookAtSuspects();
            LookAtPolicy();
            int count = _poll.Wait(_ready, WaitMs());
            long now = Environment.TickCount64;
            RunClocks();
            for (int i = 0; i < count; i++)
            {
                try
                {
                    _offers.Begin();
                    TakeTurn(_sources[(int)_ready[i]], now);
                    _offers.Flush();
                }
                catch (Exception exception)
                {
                    // A bug of ours that some packet found. It costs that packet's batch; the other ports must not pay for it.
                    _fault?.Invoke(exception);
                }
            }

            try
            {
                _advertisements.Run(_sources, now);
            }
            catch (Exception exception)
            {
                _fault?.Invoke(exception);
            }
        }

        while (_posted.TryDequeue(out Action? action))
        {
            action();
        }
    }

    private void RunClocks()
    {
        long nowNs = Stopwatch.GetTimestamp();
        _pacing.NowNs = nowNs;
        _sharing?.Run(nowNs);
        if (_pacing.IsWaiting)
        {
            _pacing.Run();
        }

        for (int i = _paused.Count - 1; i >= 0; i--)
        {
            PortChannel channel = _paused[i];
            if (channel.Outbound.MayPass(nowNs))
            {
                _paused.RemoveAt(i);
                _poll.Resume(channel.Socket, (ulong)_sources.IndexOf(channel));

                // The guest sent more than could wait.
                for (long drops = channel.Socket.TakeKernelDrops(); drops > 0; drops--)
                {
                    channel.Port.CountDrop(DropReason.RateLimit, Direction.Outbound);
                }
            }
        }
    }

    /// <summary>Until the next thing that happens by time, milliseconds.</summary>
    private int WaitMs()
    {
        const long nsPerMs = 1_000_000;
        int idle = _sharing is not null ? (int)(LinkSharing.PeriodNs / nsPerMs) : _suspects.Count > 0 ? SuspectMs : IdleMs;
        if (_paused.Count == 0 && !_pacing.IsWaiting)
        {
            return idle;
        }

        long next = _pacing.NextAt();
        foreach (PortChannel channel in _paused)
        {
            next = Math.Min(next, channel.Outbound.ReadyAt);
        }

        return (int)Math.Clamp((next - Stopwatch.GetTimestamp() + nsPerMs - 1) / nsPerMs, 0, idle);
    }

    private void LookAtPolicy()
    {
        uint generation = _switch.Generation;
        if (generation != _generation)
        {
            _generation = generation;
            _policyChanged?.Invoke();
        }
    }

    private void Suspect(PortChannel channel, int errno)
    {
        if (_suspects.TrueForAll(suspect => !ReferenceEquals(suspect.Channel, channel)))
        {
            _suspects.Add((channel, errno, 0));
        }
    }

    private void LookAtSuspects()
    {
        for (int i = _suspects.Count - 1; i >= 0; i--)
        {
            (PortChannel channel, int errno, int looks) = _suspects[i];
            if (!channel.Socket.IsDevicePresent)
            {
                Remove(channel);
                _lost(channel, errno);
            }
            else if (looks == SuspectLooks)
            {
                _suspects.RemoveAt(i);
            }
            else
            {
                _suspects[i] = (channel, errno, looks + 1);
            }
        }
    }

    private void TakeTurn(object? source, long now)
    {
        switch (source)
        {
            case PortChannel channel:
                int result = _outbound.Run(channel, now, _pacing.NowNs);
                if (result < 0)
                {
                    Suspect(channel, -result);
                }
                else if (!channel.Outbound.MayPass(_pacing.NowNs) && !_paused.Contains(channel))
                {
                    channel.WasHeldBack = true;
                    _paused.Add(channel);
                    _poll.Pause(channel.Socket, (ulong)_sources.IndexOf(channel));
                }

                break;
            case PacketSocket punt:
                _outbound.RunPunted(punt, _fastPath!, _inbound, now);
                break;
            case UdpTunnelSocket vxlan:
                _ = _inbound.RunVxlan(vxlan, now);
                break;
            case RawGreSocket gre:
                _ = _inbound.RunNvgre(gre, now);
                break;
            case Uplink uplink:
                _uplinkPath!.Run(uplink, now);
                break;
            case TunnelEnd tunnel:
                _paths.Run(tunnel, now);
                break;
            default:
                break;
        }
    }

    private void OnRefused(DatagramSocket socket, ProviderAddress destination)
    {
        foreach (TunnelEnd? tunnel in _tunnels)
        {
            if (tunnel is not null && tunnel.Sends(socket))
            {
                _paths.Refused(tunnel, destination, Environment.TickCount64);
                return;
            }
        }
    }

    /// <summary>This worker's share: its own receiver of the port they all hold; raw sockets go round.</summary>
    private void ForTunnel(TunnelEnd tunnel, Action<object, DatagramSocket> action)
    {
        if (tunnel.Receivers.Length > 0)
        {
            action(tunnel.Receivers[Number], tunnel.Receivers[Number]);
        }

        if (tunnel.Endpoint.TeamMember % tunnel.Workers == Number)
        {
            action(tunnel, tunnel.PathErrors);
            if (tunnel.Gre is { } gre)
            {
                action(gre, gre);
            }
        }
    }

    private void AddSource(object source, DatagramSocket socket)
    {
        int slot = _sources.IndexOf(null);
        if (slot < 0)
        {
            slot = _sources.Count;
            _sources.Add(null);
        }

        _poll.Add(socket, (ulong)slot);
        _sources[slot] = source;
    }

    private void RemoveSource(object source, DatagramSocket socket)
    {
        int slot = _sources.IndexOf(source);
        if (slot >= 0)
        {
            _sources[slot] = null;
            _poll.Remove(socket);
        }
    }
}
