using System.Buffers.Binary;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// Writes the headers of one segment of a super-packet (what a NIC's TSO does): lengths, IPv4 id, TCP sequence and flags, full
/// checksums. The payload is not touched; it is sent from where it lies.
/// </summary>
internal static class Segmenter
{
    private const byte FinPush = 0x09, Cwr = 0x80;

    /// <summary>Writes the headers of the segment whose payload begins <paramref name="position"/> bytes behind the first's.</summary>
    /// <param name="packet">The parse of the super-packet.</param>
    /// <param name="frame">The super-packet.</param>
    /// <param name="index">Number of the segment, from 0.</param>
    /// <param name="position">Payload bytes before it.</param>
    /// <param name="length">Payload bytes of it.</param>
    /// <param name="headers">Receives <see cref="ParsedPacket.PayloadOffset"/> bytes.</param>
    public static void WriteHeaders(in ParsedPacket packet, ReadOnlySpan<byte> frame, int index, int position, int length, Span<byte> headers)
    {
        frame[..packet.PayloadOffset].CopyTo(headers);
        int transportLength = packet.PayloadOffset - packet.TransportOffset + length;
        WriteNetwork(packet, index, transportLength, headers[packet.NetworkOffset..packet.TransportOffset]);

        Span<byte> transport = headers[packet.TransportOffset..packet.PayloadOffset];
        ReadOnlySpan<byte> payload = frame.Slice(packet.PayloadOffset + position, length);
        ulong sum = InternetChecksum.PseudoHeader(packet.Ufid.Source, packet.Ufid.Destination, packet.Ufid.Protocol, transportLength)
            + InternetChecksum.Sum(payload);
        if (packet.Ufid.Protocol == IPProtocols.Udp)
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transportLength);
            BinaryPrimitives.WriteUInt16BigEndian(transport[6..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(transport[6..], InternetChecksum.CompleteUdp(sum + InternetChecksum.Sum(transport)));
            return;
        }

        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(transport[4..]);
        BinaryPrimitives.WriteUInt32BigEndian(transport[4..], sequence + (uint)position);
        bool isLast = packet.PayloadOffset + position + length == packet.Length;
        transport[13] &= (byte)~((isLast ? 0 : FinPush) | (index == 0 ? 0 : Cwr));
        BinaryPrimitives.WriteUInt16BigEndian(transport[16..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(transport[16..], InternetChecksum.Complete(sum + InternetChecksum.Sum(transport)));
    }

    private static void WriteNetwork(in ParsedPacket packet, int index, int transportLength, Span<byte> network)
    {
        if (packet.EtherType == EtherTypes.IPv6)
        {
            const int fixedHeader = 40;
            BinaryPrimitives.WriteUInt16BigEndian(network[4..], (ushort)(network.Length - fixedHeader + transportLength));
            return;
        }

        ushort identification = BinaryPrimitives.ReadUInt16BigEndian(network[4..]);
        BinaryPrimitives.WriteUInt16BigEndian(network[2..], (ushort)(network.Length + transportLength));
        BinaryPrimitives.WriteUInt16BigEndian(network[4..], (ushort)(identification + index));
        BinaryPrimitives.WriteUInt16BigEndian(network[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(network[10..], InternetChecksum.Compute(network));
    }
}
