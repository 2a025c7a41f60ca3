using System.Globalization;
using Hnv.Contracts.HostChannel;
using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.HostAgent.HostChannel;

/// <summary>What the engine knows, as people read it.</summary>
internal static class Wording
{
    private const string NotIP = "not IP";

    /// <summary>A transposition edit by edit, in the order an executor carries it out.</summary>
    public static IReadOnlyList<VfpValue> Edits(in Transposition transposition)
    {
        List<VfpValue> edits = [];
        TranspositionEdits which = transposition.Edits;
        Add(TranspositionEdits.Source, "Source IP", transposition.Source.ToString());
        Add(TranspositionEdits.SourcePort, "Source port", Number(transposition.SourcePort));
        Add(TranspositionEdits.Destination, "Destination IP", transposition.Destination.ToString());
        Add(TranspositionEdits.DestinationPort, "Destination port", Number(transposition.DestinationPort));
        Add(TranspositionEdits.DestinationMac, "Destination MAC", transposition.DestinationMac.ToString());
        Add(TranspositionEdits.SourceMac, "Source MAC", transposition.SourceMac.ToString());
        Add(TranspositionEdits.DecrementTtl, "TTL", "-1");
        Add(TranspositionEdits.Encap, "EncapType", transposition.Encapsulation.ToString().ToUpperInvariant());
        Add(TranspositionEdits.Encap, "VSID", transposition.Vsid.ToString());
        Add(TranspositionEdits.Encap, "Provider address", transposition.Provider.ToString());
        Add(TranspositionEdits.FixedDscp, "Outer DSCP", Number(transposition.OuterDscp));
        Add(TranspositionEdits.Uplink, "Uplink", "as it is");
        return edits;

        void Add(TranspositionEdits edit, string name, string value)
        {
            if ((which & edit) != 0)
            {
                edits.Add(new VfpValue(name, value));
            }
        }
    }

    /// <summary>A transposition in one line: <c>ttl-1, dst 00-1D-D8-01-01-11, vxlan 5001 to 192.168.1.10</c>.</summary>
    public static string Line(in Transposition transposition)
    {
        List<string> words = [];
        TranspositionEdits which = transposition.Edits;
        Add(TranspositionEdits.Source, $"from {transposition.Source}");
        Add(TranspositionEdits.SourcePort, $"from port {Number(transposition.SourcePort)}");
        Add(TranspositionEdits.Destination, $"to {transposition.Destination}");
        Add(TranspositionEdits.DestinationPort, $"to port {Number(transposition.DestinationPort)}");
        Add(TranspositionEdits.DecrementTtl, "ttl-1");
        Add(TranspositionEdits.SourceMac, $"src {transposition.SourceMac}");
        Add(TranspositionEdits.DestinationMac, $"dst {transposition.DestinationMac}");
        Add(TranspositionEdits.Encap, $"{transposition.Encapsulation.ToString().ToLowerInvariant()} {transposition.Vsid} to {transposition.Provider}");
        Add(TranspositionEdits.FixedDscp, $"outer dscp {Number(transposition.OuterDscp)}");
        Add(TranspositionEdits.Uplink, "uplink");
        return string.Join(", ", words);

        void Add(TranspositionEdits edit, string text)
        {
            if ((which & edit) != 0)
            {
                words.Add(text);
            }
        }
    }

    /// <summary>A unified flow's edits and destination in one line.</summary>
    public static string Line(UnifiedFlow flow)
    {
        List<string> words = [];
        if (Line(in flow.Transposition) is { Length: > 0 } edits)
        {
            words.Add(edits);
        }

        if (flow.Destination is { } destination)
        {
            words.Add($"to port {destination.DeviceName}");
        }

        if (flow.ReplicationTargets.Length > 0)
        {
            words.Add($"{Number(flow.ReplicationTargets.Length)} copies");
        }

        return string.Join(", ", words);
    }

    /// <summary>A packet in one line: <c>TCP 10.1.1.11:40000 -> 10.1.1.12:80 SYN, 40 bytes, ttl 64</c>.</summary>
    public static string Packet(in ParsedPacket packet)
    {
        Ufid flow = packet.Ufid;
        string macs = $"{flow.SourceMac} -> {flow.DestinationMac}";
        if (!packet.IsIP)
        {
            return flow.EtherType == EtherTypes.Arp ? $"ARP {macs}" : $"EtherType 0x{flow.EtherType:X4} {macs} ({NotIP})";
        }

        bool hasPorts = flow.Protocol is IPProtocols.Tcp or IPProtocols.Udp or IPProtocols.Sctp && flow.Fragment != FragmentClass.Later;
        string from = hasPorts ? Endpoint(flow.Source, flow.SourcePort) : flow.Source.ToString();
        string to = hasPorts ? Endpoint(flow.Destination, flow.DestinationPort) : flow.Destination.ToString();
        string kind = flow.Protocol is IPProtocols.Icmp or IPProtocols.IcmpV6 && flow.Fragment != FragmentClass.Later
            ? $" type {Number(flow.DestinationPort >> 8)} code {Number(flow.DestinationPort & 0xFF)}{(flow.SourcePort == 0 ? "" : $" id {Number(flow.SourcePort)}")}"
            : flow.Protocol == IPProtocols.Tcp ? Flags(packet.TcpFlags) : "";
        string fragment = flow.Fragment == FragmentClass.Whole ? "" : flow.Fragment == FragmentClass.First ? ", first fragment" : ", later fragment";
        return $"{ProtocolName(flow.Protocol)} {from} -> {to}{kind}, {Number(packet.NetworkLength)} bytes, ttl {Number(packet.TimeToLive)}{fragment}";
    }

    /// <summary>A frame in one line, as far as it can be read.</summary>
    public static string Packet(ReadOnlySpan<byte> frame, int length)
    {
        if (frame.IsEmpty)
        {
            return "-";
        }

        if (PacketParser.TryParse(frame, out ParsedPacket packet) is var fault && fault == ParseFault.None)
        {
            return packet.EtherType == EtherTypes.Arp && ArpMessage.TryRead(frame[packet.NetworkOffset..], out ArpMessage arp)
                ? $"ARP {(arp.Operation == ArpMessage.Request ? "who has" : "answer about")} {(InetAddress)(arp.Operation == ArpMessage.Request ? arp.TargetAddress : arp.SenderAddress)}, says {(InetAddress)arp.SenderAddress} at {(MacAddress)arp.SenderMac}"
                : Packet(in packet);
        }

        // What was cut short cannot be held against its own length fields, its addresses can be read all the same.
        if (length > frame.Length && TryReadStart(frame, out string? start))
        {
            return $"{start}, {Number(length - EthernetHeader.Size)} bytes";
        }

        return $"{Number(length)} bytes that are no packet ({fault})";
    }

    /// <summary>The name of an IP protocol.</summary>
    public static string ProtocolName(byte protocol) => protocol switch
    {
        IPProtocols.Icmp => "ICMP",
        IPProtocols.Tcp => "TCP",
        IPProtocols.Udp => "UDP",
        IPProtocols.IcmpV6 => "ICMPv6",
        IPProtocols.Sctp => "SCTP",
        _ => Number(protocol),
    };

    public static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Endpoint(InetAddress address, ushort port) => address.IsIPv4 ? $"{address}:{Number(port)}" : $"[{address}]:{Number(port)}";

    private static string Flags(byte flags)
    {
        string[] names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];
        return " " + string.Join('+', names.Where((_, bit) => (flags & (1 << bit)) != 0).DefaultIfEmpty("no flags"));
    }

    private static bool TryReadStart(ReadOnlySpan<byte> frame, out string? start)
    {
        start = null;
        if (!EthernetHeader.TryRead(frame, out EthernetHeader ethernet))
        {
            return false;
        }

        ReadOnlySpan<byte> network = frame[EthernetHeader.Size..];
        InetAddress source, destination;
        byte protocol;
        int transport;
        if (ethernet.EtherType.Host == EtherTypes.IPv4 && IPv4Header.TryRead(network, out IPv4Header ipv4))
        {
            (source, destination, protocol, transport) = (ipv4.Source, ipv4.Destination, ipv4.Protocol, (ipv4.FlagsAndFragment.Host & IPv4Header.FragmentOffsetMask) == 0 ? ipv4.HeaderLength : 0);
        }
        else if (ethernet.EtherType.Host == EtherTypes.IPv6 && IPv6Header.TryRead(network, out IPv6Header ipv6))
        {
            (source, destination, protocol, transport) = (ipv6.Source, ipv6.Destination, ipv6.NextHeader, IPv6Header.Size);
        }
        else
        {
            return false;
        }

        bool hasPorts = transport > 0 && protocol is IPProtocols.Tcp or IPProtocols.Udp or IPProtocols.Sctp && network.Length >= transport + 4;
        start = hasPorts
            ? $"{ProtocolName(protocol)} {Endpoint(source, (ushort)((network[transport] << 8) | network[transport + 1]))} -> {Endpoint(destination, (ushort)((network[transport + 2] << 8) | network[transport + 3]))}"
            : $"{ProtocolName(protocol)} {source} -> {destination}";
        return true;
    }
}
