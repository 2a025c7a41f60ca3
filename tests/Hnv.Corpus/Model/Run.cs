using System.Buffers.Binary;
using System.Globalization;
using Hnv.Corpus.InMemory;
using Hnv.Primitives;

namespace Hnv.Corpus.Model;

/// <summary>One prediction under way.</summary>
internal sealed class Run(IReadOnlyList<Hop> actual, bool isCongested)
{
    private readonly List<string> _sent = [.. actual.Where(hop => hop.Kind == HopKind.Wire).Select(Line.Of)];
    private readonly List<string> _lines = [];

    public bool IsCongested { get; } = isCongested;

    /// <summary>Packets on their way between hosts, in order.</summary>
    public Queue<Action> Wires { get; } = [];

    public List<(NicId Nic, TenantPacket Packet)> Received { get; } = [];

    public void Add(string line) => _lines.Add(line);

    /// <summary>Expects an encapsulated packet that may come from several addresses, and sees which one it came from.</summary>
    public ProviderAddress Sent(IReadOnlyList<ProviderAddress> sources, Func<ProviderAddress, string> line)
    {
        ProviderAddress source = sources[0];
        foreach (ProviderAddress possible in sources)
        {
            if (_sent.Remove(line(possible)))
            {
                source = possible;
                break;
            }
        }

        Add(line(source));
        return source;
    }

    public override string ToString() => string.Join('\n', _lines.Order(StringComparer.Ordinal));
}

/// <summary>What happens to a packet, one line each: how predictions and observations are compared.</summary>
public static class Line
{
    /// <summary>The lines of all hops, sorted.</summary>
    public static string OfAll(IEnumerable<Hop> hops) => string.Join('\n', hops.Select(Of).Order(StringComparer.Ordinal));

    /// <summary>One hop.</summary>
    public static string Of(Hop hop) => hop.Kind switch
    {
        HopKind.Wire => OfWire(hop.Bytes),
        HopKind.Local => Local(hop.Nic, hop.Bytes),
        HopKind.Delivered => Delivered(hop.Nic, hop.Bytes),
        HopKind.Answered => Answered(hop.Nic, hop.Bytes),
        HopKind.Dropped => Dropped(hop.Nic, hop.Reason.ToString()),
        _ => $"uplink {Short(hop.Nic)} {Convert.ToHexString(hop.Bytes)}",
    };

    internal static string Dropped(NicId nic, string reason) => $"dropped {Short(nic)} {reason}";

    internal static string Answered(NicId nic, byte[] frame) => $"answered {Short(nic)} {Convert.ToHexString(frame)}";

    internal static string Delivered(NicId nic, byte[] frame) => $"delivered {Short(nic)} {Convert.ToHexString(frame)}";

    internal static string Local(NicId nic, byte[] frame) => $"local {Short(nic)} {Convert.ToHexString(frame)}";

    internal static string Wire(EncapsulationType type, uint vsid, ProviderAddress source, ProviderAddress destination, byte trafficClass, byte[] frame) =>
        string.Create(CultureInfo.InvariantCulture, $"wire {type} {vsid} {source}>{destination} class {trafficClass:X2} {Convert.ToHexString(frame)}");

    /// <summary>Reads an encapsulated packet field by field; what is not as RFC 7348 or RFC 7637 has it says so.</summary>
    private static string OfWire(byte[] packet)
    {
        bool isIPv4 = packet[0] == 0x45;
        if (isIPv4 ? (packet[6] & 0x40) == 0 || (ushort)~FrameBuilder.FoldedSum(packet.AsSpan(0, 20)) != 0 : packet[0] >> 4 != 6)
        {
            return "wire with a wrong IP header";
        }

        ReadOnlySpan<byte> body = packet.AsSpan(isIPv4 ? 20 : 40);
        int declared = isIPv4 ? BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(2)) - 20 : BinaryPrimitives.ReadUInt16BigEndian(packet.AsSpan(4));
        byte protocol = packet[isIPv4 ? 9 : 6];
        byte trafficClass = isIPv4 ? packet[1] : (byte)(BinaryPrimitives.ReadUInt16BigEndian(packet) >> 4);
        ProviderAddress source = new(isIPv4 ? InetAddress.ReadIPv4(packet.AsSpan(12)) : InetAddress.ReadIPv6(packet.AsSpan(8)));
        ProviderAddress destination = new(isIPv4 ? InetAddress.ReadIPv4(packet.AsSpan(16)) : InetAddress.ReadIPv6(packet.AsSpan(24)));
        if (declared != body.Length)
        {
            return "wire with a wrong length";
        }

        if (protocol == 17)
        {
            bool isRight = BinaryPrimitives.ReadUInt16BigEndian(body) >= 49152
                && BinaryPrimitives.ReadUInt16BigEndian(body[2..]) == 4789
                && BinaryPrimitives.ReadUInt16BigEndian(body[4..]) == body.Length
                && BinaryPrimitives.ReadUInt32BigEndian(body[8..]) == 0x0800_0000
                && body[15] == 0;
            return isRight ? Wire(EncapsulationType.Vxlan, Vsid(body[12..]), source, destination, trafficClass, body[16..].ToArray()) : "wire with a wrong VXLAN header";
        }

        return protocol == 47 && BinaryPrimitives.ReadUInt32BigEndian(body) == 0x2000_6558 && body[7] != 0
            ? Wire(EncapsulationType.Nvgre, Vsid(body[4..]), source, destination, trafficClass, body[8..].ToArray())
            : "wire with a wrong NVGRE header";
    }

    private static uint Vsid(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32BigEndian(bytes) >> 8;

    private static string Short(NicId nic) => nic == default ? "-" : nic.ToString()[^4..];
}

/// <summary>What was chosen where policy leaves a choice, read from the packet as it left its sender's side; null when it did not.</summary>
internal sealed record Choice(InetAddress Source, int SourcePort, InetAddress Destination, int DestinationPort)
{
    public static Choice? Of(IReadOnlyList<Hop> hops)
    {
        Hop? hop = hops.FirstOrDefault(each => !each.IsMirror && each.Kind is HopKind.Wire or HopKind.Local && !each.IsMirror);
        if (hop is null)
        {
            return null;
        }

        ReadOnlySpan<byte> bytes = hop.Bytes;
        if (hop.Kind == HopKind.Wire)
        {
            bool isUdp = bytes[bytes[0] >> 4 == 4 ? 9 : 6] == 17;
            bytes = bytes[((bytes[0] >> 4 == 4 ? 20 : 40) + (isUdp ? 16 : 8))..];
        }

        ReadOnlySpan<byte> packet = bytes[14..];
        if (packet.Length < 20 || (packet[0] >> 4 != 4 && packet.Length < 40))
        {
            return null;
        }

        bool isIPv4 = packet[0] >> 4 == 4;
        byte protocol = packet[isIPv4 ? 9 : 6];
        ReadOnlySpan<byte> transport = packet[(isIPv4 ? (packet[0] & 15) * 4 : protocol == 44 ? 48 : 40)..];
        protocol = protocol == 44 && !isIPv4 ? packet[40] : protocol;
        bool isIcmp = protocol == (isIPv4 ? 1 : 58);
        return new Choice(
            isIPv4 ? InetAddress.ReadIPv4(packet[12..]) : InetAddress.ReadIPv6(packet[8..]),
            transport.Length < 8 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(transport[(isIcmp ? 4 : 0)..]),
            isIPv4 ? InetAddress.ReadIPv4(packet[16..]) : InetAddress.ReadIPv6(packet[24..]),
            transport.Length < 4 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(transport[2..]));
    }
}
