using System.Threading.Channels;

namespace Hnv.Ovsdb;

/// <summary>
/// "Look again": any number of changes between two looks make one signal, so that a slow reader is late but never behind. For one
/// reader.
/// </summary>
public sealed class ChangeSignal
{
    private readonly Channel<bool> _channel = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Holds one item while there is something to look at. Completed when the source ends.</summary>
    public ChannelReader<bool> Reader => _channel.Reader;

    /// <summary>Something changed.</summary>
    public void Set() => _channel.Writer.TryWrite(true);

    /// <summary>Nothing will change any more.</summary>
    public void Complete() => _channel.Writer.TryComplete();
}
