using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Hnv.Client;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli;

/// <summary><c>hnv capture</c>: packets of a port, or of a provider address, as lines or as a file for Wireshark and tcpdump.</summary>
internal static class CaptureCommand
{
    private static readonly Argument<string?> s_port = new("port") { Description = "A device, a network interface or its instanceId", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Option<int?> s_pa = new("--pa")
    {
        Description = "Encapsulated, on a provider address (by team member; 0 when left out); with a port only that port's",
        HelpName = "MEMBER",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<int?> s_uplink = new("--uplink") { Description = "Whatever passes the uplink of a team member", HelpName = "MEMBER" };
    private static readonly Option<string?> s_write = new("--write", "-w") { Description = "Write pcapng to a file; - is standard output", HelpName = "FILE" };
    private static readonly Option<int> s_count = new("--count", "-c") { Description = "End after so many packets", HelpName = "N" };
    private static readonly Option<double> s_duration = new("--duration") { Description = "End after so many seconds", HelpName = "SECONDS" };
    private static readonly Option<int> s_snap = new("--snap", "-s") { Description = "Keep so many bytes of each frame", HelpName = "BYTES" };

    public static Command Create() => new Command("capture", "Packets of a port in CA space, or encapsulated in PA space, each with what the switch makes of it")
        .With(s_port, s_pa, s_uplink, s_write, s_count, s_duration, s_snap)
        .Example(
            "hnv capture contoso-web-nic0",
            "hnv capture contoso-web-nic0 --pa 0 -w web-on-the-wire.pcapng --duration 10",
            "hnv capture --pa 0 --host host1 -c 20",
            "hnv capture contoso-web -w - | tcpdump -nr -",
            "hnv capture --uplink 0 --host host1")
        .Does(async (parsed, cancellation) =>
        {
            using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            if (parsed.GetValue(s_duration) is > 0 and double seconds)
            {
                end.CancelAfter(TimeSpan.FromSeconds(seconds));
            }

            using PortPlace? place = parsed.GetValue(s_port) is { } named ? await PortPlace.FindAsync(parsed, named, cancellation) : null;
            HostClient agent = place?.Agent ?? Endpoints.Agent(parsed);
            using HostClient? own = place is null ? agent : null;
            int? pa = parsed.GetResult(s_pa) is null ? null : parsed.GetValue(s_pa) ?? 0;
            CaptureRequest request = new(place?.Port.Nic, pa, parsed.GetValue(s_uplink), parsed.GetValue(s_snap));
            if (request is { Nic: null, ProviderAddress: null, Uplink: null })
            {
                throw new CommandException("What to look at? Name a port, or add --pa 0 or --uplink 0. hnv port list shows the ports.");
            }

            try
            {
                return parsed.GetValue(s_write) is { } file
                    ? await WriteAsync(agent, request, file, parsed.GetValue(s_count), end.Token)
                    : await PrintAsync(agent, request, parsed, end.Token);
            }
            catch (OperationCanceledException) when (end.IsCancellationRequested)
            {
                // The time is over, or the user has seen enough: both are how a capture ends.
                return 0;
            }
        });

    private static async Task<int> PrintAsync(HostClient agent, CaptureRequest request, ParseResult parsed, CancellationToken cancellation)
    {
        bool asTable = parsed.GetValue(CommandLine.OutputOption) == OutputFormat.Table;
        int left = parsed.GetValue(s_count) is > 0 and int count ? count : int.MaxValue;
        await foreach (CaptureInfo packet in agent.CaptureAsync(request, withTrace: false, cancellation))
        {
            Console.Out.WriteLine(asTable ? Line(packet) : JsonSerializer.Serialize(packet, ContractJson.Default.CaptureInfo));
            if (--left == 0)
            {
                break;
            }
        }

        return 0;
    }

    private static async Task<int> WriteAsync(HostClient agent, CaptureRequest request, string file, int count, CancellationToken cancellation)
    {
        await using Stream source = await agent.CaptureFileAsync(request, cancellation);
        await using Stream target = file == "-" ? Console.OpenStandardOutput() : File.Create(file);
        long packets = 0;
        try
        {
            packets = await PcapngCopy.RunAsync(source, target, count > 0 ? count : long.MaxValue, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            packets = -1;
        }

        if (file != "-")
        {
            Console.Error.WriteLine(packets < 0 ? $"Written to {file}." : string.Create(CultureInfo.InvariantCulture, $"{packets} packets written to {file}."));
        }

        return 0;
    }

    private static string Line(CaptureInfo packet) => string.Create(
        CultureInfo.InvariantCulture,
        $"{packet.At.ToLocalTime():HH:mm:ss.ffffff}  {packet.Interface}  {(packet.Direction == "Outbound" ? "out" : "in "),-3}  {packet.Packet}{(packet.Comment is { } comment ? $"  [{comment}]" : "")}");
}
