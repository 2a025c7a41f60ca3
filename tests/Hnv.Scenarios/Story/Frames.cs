using System.Buffers.Binary;
using System.Net;
using Hnv.Lab.Topology;
using Hnv.Primitives;

namespace Hnv.Scenarios.Story;

/// <summary>Frames made by hand, to send what no guest's stack would.</summary>
public static class Frames
{
    /// <summary>An Ethernet frame with a UDP datagram in IPv4, checksums right.</summary>
    public static byte[] Udp(MacAddress from, MacAddress to, string source, string destination, int port = 9999)
    {
        byte[] frame = new byte[60];
        to.Write(frame);
        from.Write(frame.AsSpan(6));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x0800);
        Span<byte> ip = frame.AsSpan(14, 20);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], 46);
        ip[8] = 64;
        ip[9] = 17;
        IPAddress.Parse(source).GetAddressBytes().CopyTo(ip[12..]);
        IPAddress.Parse(destination).GetAddressBytes().CopyTo(ip[16..]);
        int sum = 0;
        for (int i = 0; i < 20; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip[i..]);
        }

        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~((sum & 0xFFFF) + (sum >> 16)));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(34), 40000);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(36), (ushort)port);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(38), 26);
        return frame;
    }

    /// <summary>The MAC of a machine's first adapter.</summary>
    public static MacAddress Mac(this LabFixture lab, string machine)
    {
        LabMachine found = lab.Lab.Machine(machine);
        return found.Adapters[0].Mac;
    }
}
