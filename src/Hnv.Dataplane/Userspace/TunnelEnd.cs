using Hnv.Linux;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>The open sockets of one <see cref="ProviderEndpoint"/>. Live: disposed once no worker can see it any more.</summary>
internal sealed class TunnelEnd : IDisposable
{
    private const int DynamicPortMin = 49152;
    private const int DynamicPortCount = 16384;

    private readonly UdpTunnelSocket[] _senders;

    private TunnelEnd(ProviderEndpoint endpoint, string compartment, UdpTunnelSocket[] senders, UdpTunnelSocket[] receivers, RawGreSocket? gre)
    {
        Endpoint = endpoint;
        Compartment = compartment;
        _senders = senders;
        Receivers = receivers;
        Gre = gre;
    }

    public ProviderEndpoint Endpoint { get; }

    /// <summary>Which namespace the sockets belong to, as the kernel numbers it.</summary>
    public string Compartment { get; }

    /// <summary>One per worker; the kernel spreads flows over them.</summary>
    public UdpTunnelSocket[] Receivers { get; }

    public RawGreSocket? Gre { get; }

    /// <summary>Workers of the executor the sockets were opened for.</summary>
    public required int Workers { get; init; }

    public bool SpeaksVxlan => _senders.Length > 0;

    /// <summary>Opens the sockets in the calling thread's namespace.</summary>
    public static TunnelEnd Open(ProviderEndpoint endpoint, string compartment, ExecutorOptions options)
    {
        List<UdpTunnelSocket> senders = [], receivers = [];
        RawGreSocket? gre = null;
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
            return new TunnelEnd(endpoint, compartment, [.. senders], [.. receivers], gre) { Workers = options.Workers };
        }
        catch
        {
            senders.ForEach(socket => socket.Dispose());
            receivers.ForEach(socket => socket.Dispose());
            gre?.Dispose();
            throw;
        }
    }

    /// <summary>The socket whose source port stands for the flow; always the same for one flow.</summary>
    public UdpTunnelSocket SenderFor(uint entropy) => _senders[VxlanHeader.SourcePort(entropy) % (uint)_senders.Length];

    public void Dispose()
    {
        Array.ForEach(_senders, socket => socket.Dispose());
        Array.ForEach(Receivers, socket => socket.Dispose());
        Gre?.Dispose();
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
