using Hnv.Linux;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>The open sockets of one <see cref="ProviderEndpoint"/>. Live: disposed once no worker can see it any more.</summary>
internal sealed class TunnelEnd : IDisposable
{
    private const int DynamicPortMin = 49152;
    private const int DynamicPortCount = 16384;

    private readonly UdpTunnelSocket[] _senders;

    private TunnelEnd(
        ProviderEndpoint endpoint,
        string compartment,
        UdpTunnelSocket[] senders,
        UdpTunnelSocket[] receivers,
        RawGreSocket? gre,
        PathErrorSocket pathErrors,
        RouteProbe probe)
    {
        Endpoint = endpoint;
        Compartment = compartment;
        _senders = senders;
        Receivers = receivers;
        Gre = gre;
        PathErrors = pathErrors;
        Probe = probe;
    }

    public ProviderEndpoint Endpoint { get; }

    /// <summary>Which namespace the sockets belong to, as the kernel numbers it.</summary>
    public string Compartment { get; }

    /// <summary>One per worker; the kernel spreads flows over them.</summary>
    public UdpTunnelSocket[] Receivers { get; }

    public RawGreSocket? Gre { get; }

    /// <summary>What routers say about packets that were too long for them.</summary>
    public PathErrorSocket PathErrors { get; }

    /// <summary>Asks the kernel how long packets may be.</summary>
    public RouteProbe Probe { get; }

    /// <summary>Workers of the executor the sockets were opened for.</summary>
    public required int Workers { get; init; }

    public bool SpeaksVxlan => _senders.Length > 0;

    /// <summary>Opens the sockets in the calling thread's namespace.</summary>
    public static TunnelEnd Open(ProviderEndpoint endpoint, string compartment, ExecutorOptions options)
    {
        List<UdpTunnelSocket> senders = [], receivers = [];
        RawGreSocket? gre = null;
        PathErrorSocket? pathErrors = null;
        try
        {
            if (endpoint.Vxlan)
            {
                for (int i = 0; i < options.Workers; i++)
                {
                    receivers.Add(UdpTunnelSocket.OpenReceiver(endpoint.Address, options.VxlanPort));
                }

                OpenSenders(endpoint, options.SourcePorts, senders);
            }

            gre = endpoint.Nvgre ? RawGreSocket.Open(endpoint.Address) : null;
            pathErrors = PathErrorSocket.Open(endpoint.Address);
            return new TunnelEnd(endpoint, compartment, [.. senders], [.. receivers], gre, pathErrors, RouteProbe.Open(endpoint.Address))
            {
                Workers = options.Workers,
            };
        }
        catch
        {
            senders.ForEach(socket => socket.Dispose());
            receivers.ForEach(socket => socket.Dispose());
            gre?.Dispose();
            pathErrors?.Dispose();
            throw;
        }
    }

    /// <summary>The socket whose source port stands for the flow; always the same for one flow.</summary>
    public UdpTunnelSocket SenderFor(uint entropy) => _senders[VxlanHeader.SourcePort(entropy) % (uint)_senders.Length];

    /// <summary>True for the sockets that packets leave by.</summary>
    public bool Sends(DatagramSocket socket) => socket == Gre || Array.IndexOf(_senders, socket) >= 0;

    public void Dispose()
    {
        Array.ForEach(_senders, socket => socket.Dispose());
        Array.ForEach(Receivers, socket => socket.Dispose());
        Gre?.Dispose();
        PathErrors.Dispose();
        Probe.Dispose();
    }

    /// <summary>Ports spread evenly over the dynamic range; one that somebody holds is passed over.</summary>
    private static void OpenSenders(ProviderEndpoint endpoint, int count, List<UdpTunnelSocket> senders)
    {
        int stride = DynamicPortCount / count;
        for (int i = 0; i < count; i++)
        {
            for (int attempt = 0; ; attempt++)
            {
                int port = DynamicPortMin + (((i * stride) + attempt) % DynamicPortCount);
                try
                {
                    senders.Add(UdpTunnelSocket.OpenSender(endpoint.Address, (ushort)port));
                    break;
                }
                catch (LinuxException exception) when (exception.IsInUse && attempt < stride - 1)
                {
                }
            }
        }
    }
}
