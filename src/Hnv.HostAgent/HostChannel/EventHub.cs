using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Hnv.Contracts.HostChannel;

namespace Hnv.HostAgent.HostChannel;

/// <summary>Hands events to every listener of <c>GET /v1/events</c>. A listener that reads too slowly loses its oldest events, nobody waits for it.</summary>
internal sealed class EventHub
{
    private const int BacklogMax = 256;

    private readonly ConcurrentDictionary<Channel<HostEvent>, byte> _listeners = new();

    /// <summary>Tells all listeners.</summary>
    public void Publish(HostEvent happened)
    {
        foreach (Channel<HostEvent> listener in _listeners.Keys)
        {
            _ = listener.Writer.TryWrite(happened);
        }
    }

    /// <summary>What happens from now on, until cancelled.</summary>
    public async IAsyncEnumerable<HostEvent> Listen([EnumeratorCancellation] CancellationToken cancellation)
    {
        var listener = System.Threading.Channels.Channel.CreateBounded<HostEvent>(new BoundedChannelOptions(BacklogMax) { FullMode = BoundedChannelFullMode.DropOldest });
        _ = _listeners.TryAdd(listener, 0);
        try
        {
            await foreach (HostEvent happened in listener.Reader.ReadAllAsync(cancellation))
            {
                yield return happened;
            }
        }
        finally
        {
            _ = _listeners.TryRemove(listener, out _);
        }
    }
}
