using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli;

/// <summary><c>hnv trace</c>: what would become of a packet, stage by stage, on this host and the next; or of the packets that come.</summary>
internal static class TraceCommand
{
    private const int PortsMax = 65_535;
    private const int Dropped = 1;
    private const string DefaultSourcePort = "40000";

    private static readonly (string Name, byte Number)[] s_protocols = [("icmp", 1), ("tcp", 6), ("udp", 17), ("sctp", 132)];
    private static readonly string[] s_flags = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];

    private static readonly Argument<string> s_port = new("port") { Description = "A device, a network interface or its instanceId" };
    private static readonly Option<string?> s_to = new("--to") { Description = "Destination address", HelpName = "ADDRESS" };
    private static readonly Option<string?> s_from = new("--from") { Description = "Source address; default: the port's own", HelpName = "ADDRESS" };
    private static readonly Option<int?> s_tcp = PortOption("--tcp", "A TCP packet to that port");
    private static readonly Option<int?> s_udp = PortOption("--udp", "A UDP packet to that port");
    private static readonly Option<int?> s_sctp = PortOption("--sctp", "An SCTP packet to that port");
    private static readonly Option<bool> s_icmp = new("--icmp") { Description = "An echo request (the default)" };
    private static readonly Option<int?> s_protocol = new("--protocol") { Description = "A packet of another IP protocol", HelpName = "NUMBER" };
    private static readonly Option<int> s_fromPort = new("--from-port") { Description = "Source port, or the identifier of an echo request", HelpName = "PORT", DefaultValueFactory = _ => int.Parse(DefaultSourcePort, CultureInfo.InvariantCulture) };
    private static readonly Option<string?> s_tcpFlags = new("--flags") { Description = "TCP flags; default: SYN", HelpName = "SYN,ACK,…" };
    private static readonly Option<int> s_size = new("--size") { Description = "Bytes of the IP packet", HelpName = "BYTES" };
    private static readonly Option<int> s_ttl = new("--ttl") { Description = "TTL or hop limit; default: 64", HelpName = "HOPS" };
    private static readonly Option<byte> s_tos = new("--tos") { Description = "TOS or traffic class", HelpName = "BYTE" };
    private static readonly Option<bool> s_mayFragment = new("--may-fragment") { Description = "IPv4 without DF" };
    private static readonly Option<string?> s_sourceMac = new("--source-mac") { Description = "Default: the port's own", HelpName = "MAC" };
    private static readonly Option<string?> s_destinationMac = new("--destination-mac") { Description = "Default: what the guest would be told", HelpName = "MAC" };
    private static readonly Option<bool> s_inbound = new("--inbound") { Description = "On its way to the VM; --from has to be said" };
    private static readonly Option<string?> s_frame = new("--frame") { Description = "The whole Ethernet frame instead, hexadecimal", HelpName = "HEX" };
    private static readonly Option<bool> s_live = new("--live") { Description = "Explain the next packets that the guest sends instead" };
    private static readonly Option<int> s_count = new("--count", "-c") { Description = "With --live: how many packets", HelpName = "N", DefaultValueFactory = _ => 1 };
    private static readonly Option<string[]> s_peer = new("--peer") { Description = "Another host's agent to ask for its half; in a lab all hosts are asked", HelpName = "ENDPOINT", Arity = ArgumentArity.ZeroOrMore };

    public static Command Create()
    {
        Option[] options =
        [
            s_to, s_from, s_tcp, s_udp, s_sctp, s_icmp, s_protocol, s_fromPort, s_tcpFlags, s_size, s_ttl, s_tos, s_mayFragment, s_sourceMac, s_destinationMac, s_inbound, s_frame, s_live, s_count, s_peer,
        ];
        Command command = new Command("trace", "What would become of a packet, stage by stage; nothing is sent").With([s_port, .. options]).Example(
            "hnv trace contoso-web-nic0 --to 10.1.1.11 --tcp 5432",
            "hnv trace contoso-web --to 10.1.1.11 --icmp --size 8000 --may-fragment",
            "hnv trace contoso-sql --inbound --from 10.1.1.12 --tcp 23",
            "hnv trace tap0 --frame 001DD8020002001DD80200010800…",
            "hnv trace contoso-web --live --count 3",
            "hnv trace contoso-web --to 10.1.1.1 --ttl 1 -o json");
        command.Validators.Add(Check);
        return command.Does(RunAsync);
    }

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        using PortPlace place = await PortPlace.FindAsync(parsed, parsed.GetRequiredValue(s_port), cancellation);
        using RemoteHalves remote = await RemoteHalves.OpenAsync(parsed, parsed.GetValue(s_peer) ?? [], cancellation);
        if (parsed.GetValue(s_live))
        {
            return await RunLiveAsync(parsed, place, remote, cancellation);
        }

        return Print(parsed, await remote.FollowAsync(await place.Agent.TraceAsync(Request(parsed, place.Port.Nic), cancellation), cancellation));
    }

    private static async Task<int> RunLiveAsync(ParseResult parsed, PortPlace place, RemoteHalves remote, CancellationToken cancellation)
    {
        int left = Math.Max(1, parsed.GetValue(s_count)), code = 0;
        await foreach (CaptureInfo packet in place.Agent.CaptureAsync(new CaptureRequest(place.Port.Nic, null, null), withTrace: true, cancellation))
        {
            if (packet.Trace is { } report)
            {
                code = Math.Max(code, Print(parsed, await remote.FollowAsync(report, cancellation)));
                if (--left == 0)
                {
                    break;
                }
            }
        }

        return code;
    }

    private static int Print(ParseResult parsed, TraceReport report)
    {
        OutputFormat format = parsed.GetValue(CommandLine.OutputOption);
        if (format == OutputFormat.Table)
        {
            TraceView.Print(report);
        }
        else
        {
            Output.Document(JsonSerializer.SerializeToNode(report, ContractJson.Default.TraceReport), format);
        }

        return TraceView.Arrives(report) ? 0 : Dropped;
    }

    /// <summary>The packet of vfpctrl's <c>/process-tuples "PROTO SOURCE SPORT DESTINATION DPORT DIRECTION FLAGS"</c>; direction 1 is in, 2 is out, flag 1 a SYN.</summary>
    public static TraceRequest OfTuple(Guid nic, string tuple)
    {
        const string shape = "\"PROTOCOL SOURCE SOURCE-PORT DESTINATION DESTINATION-PORT DIRECTION FLAGS\", for example \"6 10.1.1.11 40000 10.1.1.12 80 2 1\"";
        string[] parts = tuple.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length is not (6 or 7)
            || !byte.TryParse(parts[0], CultureInfo.InvariantCulture, out byte protocol)
            || !ushort.TryParse(parts[2], CultureInfo.InvariantCulture, out ushort sourcePort)
            || !ushort.TryParse(parts[4], CultureInfo.InvariantCulture, out ushort destinationPort)
            || parts[5] is not ("1" or "2")
            || !byte.TryParse(parts.ElementAtOrDefault(6) ?? "0", CultureInfo.InvariantCulture, out byte flags))
        {
            throw new CommandException($"'{tuple}' is no tuple; write {shape}.");
        }

        const byte synBit = 1, syn = 2, ack = 16;
        return new TraceRequest
        {
            Nic = nic,
            IsInbound = parts[5] == "1",
            Packet = new TracePacket
            {
                Protocol = protocol,
                From = parts[1],
                SourcePort = sourcePort,
                To = parts[3],
                DestinationPort = destinationPort,
                TcpFlags = (flags & synBit) != 0 ? syn : ack,
            },
        };
    }

    private static TraceRequest Request(ParseResult parsed, Guid nic)
    {
        bool isInbound = parsed.GetValue(s_inbound);
        if (parsed.GetValue(s_frame) is { } frame)
        {
            return new TraceRequest { Nic = nic, IsInbound = isInbound, Frame = string.Concat(frame.Where(char.IsAsciiHexDigit)) };
        }

        (byte protocol, int destinationPort) = parsed switch
        {
            _ when parsed.GetValue(s_tcp) is { } port => (Number("tcp"), port),
            _ when parsed.GetValue(s_udp) is { } port => (Number("udp"), port),
            _ when parsed.GetValue(s_sctp) is { } port => (Number("sctp"), port),
            _ when parsed.GetValue(s_protocol) is { } number => ((byte)number, 0),
            _ => (Number("icmp"), 0),
        };
        return new TraceRequest
        {
            Nic = nic,
            IsInbound = isInbound,
            Packet = new TracePacket
            {
                From = parsed.GetValue(s_from),
                To = parsed.GetValue(s_to),
                Protocol = protocol,
                SourcePort = parsed.GetValue(s_fromPort),
                DestinationPort = destinationPort,
                TcpFlags = Flags(parsed.GetValue(s_tcpFlags)),
                Size = parsed.GetValue(s_size),
                TimeToLive = parsed.GetValue(s_ttl),
                TrafficClass = parsed.GetValue(s_tos),
                DontFragment = !parsed.GetValue(s_mayFragment),
                SourceMac = parsed.GetValue(s_sourceMac),
                DestinationMac = parsed.GetValue(s_destinationMac),
            },
        };
    }

    private static void Check(CommandResult result)
    {
        if (result.GetValue(s_frame) is not null || result.GetValue(s_live))
        {
            return;
        }

        bool isInbound = result.GetValue(s_inbound);
        if (result.GetValue(isInbound ? s_from : s_to) is null)
        {
            result.AddError(isInbound ? "An inbound packet comes from somewhere: add --from ADDRESS." : "A packet goes somewhere: add --to ADDRESS, or give the whole --frame.");
        }

        int kinds = new[] { result.GetValue(s_tcp) is not null, result.GetValue(s_udp) is not null, result.GetValue(s_sctp) is not null, result.GetValue(s_protocol) is not null, result.GetValue(s_icmp) }.Count(each => each);
        if (kinds > 1)
        {
            result.AddError("One packet has one protocol: choose one of --tcp, --udp, --sctp, --icmp, --protocol.");
        }

        if (result.GetValue(s_protocol) is < 0 or > byte.MaxValue)
        {
            result.AddError("--protocol lies between 0 and 255.");
        }

        if (result.GetValue(s_fromPort) is < 0 or > PortsMax)
        {
            result.AddError("--from-port lies between 0 and 65535.");
        }

        if (result.GetValue(s_tcpFlags) is { } flags && flags.Split(',').Any(flag => !s_flags.Contains(flag.Trim(), StringComparer.OrdinalIgnoreCase)))
        {
            result.AddError($"--flags {flags}: choose of {string.Join(",", s_flags)}.");
        }
    }

    private static byte? Flags(string? text) => text is null
        ? null
        : (byte)text.Split(',').Sum(flag => 1 << Array.FindIndex(s_flags, each => each.Equals(flag.Trim(), StringComparison.OrdinalIgnoreCase)));

    private static byte Number(string protocol) => s_protocols.First(each => each.Name == protocol).Number;

    private static Option<int?> PortOption(string name, string description)
    {
        Option<int?> option = new(name) { Description = description, HelpName = "PORT" };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 0 or > PortsMax)
            {
                result.AddError($"{name}: ports lie between 0 and 65535.");
            }
        });
        return option;
    }
}
