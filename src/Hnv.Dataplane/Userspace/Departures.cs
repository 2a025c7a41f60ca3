using System.Runtime.InteropServices;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// One worker's packets on their way out, together with the port that a failure is counted on. Flushed at the end of every received
/// batch, and when full; the received bytes stay as they are until then.
/// </summary>
/// <param name="refused">Told when the kernel found a datagram too long: its socket and where it was going.</param>
internal sealed class Departures(Action<DatagramSocket, ProviderAddress> refused)
{
    private const int Eagain = 11, Einval = 22, Emsgsize = 90, Enetunreach = 101, Enobufs = 105, Ehostunreach = 113, Enomem = 12;

    private readonly TransmitBatch _batch = new();
    private readonly VPort[] _owners = new VPort[TransmitBatch.MessageMax];
    private readonly Direction[] _directions = new Direction[TransmitBatch.MessageMax];

    /// <summary>Begins a frame to a VM, behind that header. Slices appended next follow it.</summary>
    public int BeginFrame(PortChannel destination, in VirtioNetHeader header, int scratchBytes = 0)
    {
        int message = BeginBareFrame(destination, scratchBytes);
        MemoryMarshal.Write(_batch.AppendScratch(message, VirtioNetHeader.Size), in header);
        return message;
    }

    /// <summary>Begins a frame to a VM whose first slice holds the header already.</summary>
    public int BeginBareFrame(PortChannel destination, int scratchBytes = 0)
    {
        MakeRoom(scratchBytes + VirtioNetHeader.Size);
        int message = _batch.Begin(destination.Socket);
        _owners[message] = destination.Port;
        _directions[message] = Direction.Inbound;
        return message;
    }

    /// <summary>Begins a frame that leaves by the uplink; its first slice holds the virtio header.</summary>
    public int BeginUplinkFrame(VPort source, PacketSocket uplink, int scratchBytes)
    {
        MakeRoom(scratchBytes);
        return Own(_batch.Begin(uplink), source);
    }

    /// <summary>Begins a datagram to a provider address; it may travel with the flow's earlier ones when the kernel can cut them apart.</summary>
    public int BeginDatagram(
        VPort source, DatagramSocket socket, ProviderAddress destination, ushort port, byte trafficClass, int size, bool mayJoin)
    {
        MakeRoom(0);
        return Own(_batch.BeginDatagram(socket, destination.Value, port, trafficClass, size, mayJoin), source);
    }

    /// <summary>Begins datagrams that lie side by side, all of one size but the last.</summary>
    public int BeginDatagrams(
        VPort source, DatagramSocket socket, ProviderAddress destination, ushort port, byte trafficClass, int size, int count, int bytes)
    {
        MakeRoom(0);
        return Own(_batch.BeginDatagrams(socket, destination.Value, port, trafficClass, size, count, bytes), source);
    }

    public void Append(int message, PinnedBuffer buffer, int offset, int length) => _batch.Append(message, buffer, offset, length);

    public Span<byte> AppendScratch(int message, int length) => _batch.AppendScratch(message, length);

    /// <summary>Sends all; what the kernel does not take is a counted drop of the packet's port.</summary>
    public void Flush()
    {
        int count = _batch.Count;
        if (count == 0)
        {
            return;
        }

        _ = _batch.Flush();
        if (_batch.AllSent)
        {
            return;
        }

        for (int message = 0; message < count; message++)
        {
            int errno = _batch.ErrnoOf(message);
            DropReason reason = ReasonOf(errno, _directions[message]);
            if (errno != 0 && reason == DropReason.MtuExceeded && _batch.IsDatagram(message))
            {
                refused(_batch.SocketOf(message), new ProviderAddress(_batch.DestinationOf(message)));
            }

            for (int segment = errno == 0 ? 0 : _batch.SegmentsOf(message); segment > 0; segment--)
            {
                _owners[message].CountDrop(reason, _directions[message]);
            }
        }
    }

    private int Own(int message, VPort source)
    {
        _owners[message] = source;
        _directions[message] = Direction.Outbound;
        return message;
    }

    private void MakeRoom(int scratchBytes)
    {
        if (!_batch.HasRoom(scratchBytes))
        {
            Flush();
        }
    }

    private static DropReason ReasonOf(int errno, Direction direction) => errno switch
    {
        Eagain or Enobufs or Enomem => DropReason.TransmitQueueFull,
        Emsgsize => DropReason.MtuExceeded,
        Einval when direction == Direction.Outbound => DropReason.MtuExceeded,      // older kernels: segments larger than the MTU
        Enetunreach or Ehostunreach => DropReason.NoDestinationUnicast,
        _ => direction == Direction.Outbound ? DropReason.NoProviderAddress : DropReason.DestinationPortNotReady,
    };
}
