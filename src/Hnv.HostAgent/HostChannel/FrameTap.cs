using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Hnv.Linux;

namespace Hnv.HostAgent.HostChannel;

/// <summary>A frame that a device received or sent.</summary>
/// <param name="At">When it was read, UTC.</param>
/// <param name="IsSent">The device sent it.</param>
/// <param name="VlanId">Of an 802.1Q tag that the kernel took off; null when there was none.</param>
/// <param name="Length">Bytes of the whole frame.</param>
/// <param name="Bytes">Its first bytes.</param>
internal sealed record TappedFrame(DateTimeOffset At, bool IsSent, ushort? VlanId, int Length, byte[] Bytes);

/// <summary>
/// Looks at a device through a packet socket of its own, beside whoever carries its packets: what it shows is what the kernel saw, super-packets whole,
/// and nobody is slower for it but by the kernel's copy. Who reads too slowly loses frames, and is told how many.
/// </summary>
internal sealed class FrameTap(TimeProvider time)
{
    /// <summary>Taps open at once on one host.</summary>
    public const int TapsMax = 8;

    private const int BacklogMax = 4096;
    private const int Batch = 32;
    private const int FrameMax = 65536 + 256;
    private const int PollMs = 200;

    private int _open;

    /// <summary>Opens a device to look at; reading from it (<see cref="ReadAsync"/>) closes it again.</summary>
    /// <param name="open">Opens the socket, in the network namespace of the device.</param>
    /// <exception cref="InvalidOperationException"><see cref="TapsMax"/> are open.</exception>
    /// <exception cref="LinuxException">There is no such device, or it cannot be opened.</exception>
    public PacketSocket Open(Func<PacketSocket> open)
    {
        try
        {
            return Interlocked.Increment(ref _open) <= TapsMax
                ? open()
                : throw new InvalidOperationException($"{TapsMax} captures run on this host already. End one first.");
        }
        catch
        {
            _ = Interlocked.Decrement(ref _open);
            throw;
        }
    }

    /// <summary>Reads until cancelled, or until the device is gone.</summary>
    /// <param name="opened">Of <see cref="Open"/>; closed in the end.</param>
    /// <param name="snapLength">Bytes kept of each frame.</param>
    /// <param name="lost">Told how many frames were lost so far, when it changes.</param>
    /// <param name="cancellation">Ends it.</param>
    public async IAsyncEnumerable<TappedFrame> ReadAsync(PacketSocket opened, int snapLength, Action<long> lost, [EnumeratorCancellation] CancellationToken cancellation)
    {
        try
        {
            using PacketSocket socket = opened;
            Channel<TappedFrame> frames = System.Threading.Channels.Channel.CreateBounded<TappedFrame>(BacklogMax);
            using CancellationTokenSource done = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Thread reader = new(() => Read(socket, snapLength, frames.Writer, lost, done.Token)) { IsBackground = true, Name = $"tap {socket.Name}" };
            reader.Start();
            try
            {
                await foreach (TappedFrame frame in frames.Reader.ReadAllAsync(cancellation))
                {
                    yield return frame;
                }
            }
            finally
            {
                await done.CancelAsync();
                reader.Join();
            }
        }
        finally
        {
            _ = Interlocked.Decrement(ref _open);
        }
    }

    private void Read(PacketSocket socket, int snapLength, ChannelWriter<TappedFrame> frames, Action<long> lost, CancellationToken cancellation)
    {
        using EventPoll poll = new();
        poll.Add(socket, 1);
        ReceiveBatch batch = new(Batch, FrameMax);
        Span<ulong> tokens = stackalloc ulong[1];
        long missed = 0;
        while (!cancellation.IsCancellationRequested)
        {
            _ = poll.Wait(tokens, PollMs);
            int count = batch.Receive(socket, Batch);
            if (count < 0)
            {
                break;
            }

            DateTimeOffset now = time.GetUtcNow();
            long before = missed;
            for (int i = 0; i < count; i++)
            {
                Span<byte> bytes = batch[i];
                if (bytes.Length <= VirtioNetHeader.Size)
                {
                    continue;
                }

                Span<byte> frame = bytes[VirtioNetHeader.Size..];
                ReceiveBatch.Ancillary ancillary = batch.ReadAncillary(i);
                TappedFrame tapped = new(
                    now, batch.IsOutgoing(i), ancillary.IsTagged ? ancillary.VlanId : null, frame.Length, frame[..Math.Min(snapLength, frame.Length)].ToArray());
                missed += frames.TryWrite(tapped) ? 0 : 1;
            }

            missed += socket.TakeKernelDrops();
            if (missed != before)
            {
                lost(missed);
            }
        }

        frames.Complete();
    }
}
