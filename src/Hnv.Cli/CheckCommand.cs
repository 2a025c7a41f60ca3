using System.CommandLine;
using System.Net;
using System.Text.Json.Nodes;
using Hnv.Client;

namespace Hnv.Cli;

/// <summary><c>hnv check</c>: has the controller send a packet from one network interface to another, and tells what became of it.</summary>
internal static class CheckCommand
{
    private const int NotDelivered = 1;
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private static readonly Argument<string> s_from = new("from") { Description = "The network interface that sends" };
    private static readonly Argument<string> s_to = new("to") { Description = "A network interface of the same network, or an address" };
    private static readonly Option<int?> s_tcp = new("--tcp") { Description = "A TCP SYN to that port instead of an echo request", HelpName = "PORT" };
    private static readonly Option<int?> s_udp = new("--udp") { Description = "A UDP datagram to that port", HelpName = "PORT" };
    private static readonly Option<bool> s_noTrace = new("--no-trace") { Description = "Only send; do not ask the switches why" };

    public static Command Create() =>
        new Command("check", "Send a packet through the switches in a guest's place, and see whether it arrives").With(s_from, s_to, s_tcp, s_udp, s_noTrace)
            .Example("hnv check contoso-web-nic0 contoso-sql-nic0", "hnv check contoso-web-nic0 10.1.1.11 --tcp 5432", "hnv check contoso-web-nic0 10.1.1.1 -o json")
            .Does(RunAsync);

    private static async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        using ControllerClient controller = Endpoints.Controller(parsed);
        string to = parsed.GetRequiredValue(s_to);
        (string from, string network) = await AddressAsync(controller, parsed.GetRequiredValue(s_from), to, cancellation);
        string receiver = IPAddress.TryParse(to, out _) ? to : (await AddressAsync(controller, to, from, cancellation)).Address;
        JsonNode begun = await controller.PutAsync("diagnostics/ConnectivityCheck", Request(parsed, network, from, receiver), wait: false, cancellation: cancellation);
        string reference = (string?)begun["properties"]?["connectivityCheckResult"]?["resourceRef"] ?? throw new CommandException("The controller did not say where the result will be.");
        JsonNode? result = await ResultAsync(controller, reference, cancellation);
        OutputFormat format = parsed.GetValue(CommandLine.OutputOption);
        if (format == OutputFormat.Table)
        {
            Print(result);
        }
        else
        {
            Output.Document(result, format);
        }

        return (string?)result?["status"] == "Success" ? 0 : NotDelivered;
    }

    /// <summary>An interface's address, of the family of the other end when that is an address, and its network.</summary>
    private static async Task<(string Address, string Network)> AddressAsync(ControllerClient controller, string nic, string other, CancellationToken cancellation)
    {
        JsonNode document = await controller.GetAsync($"networkInterfaces/{Uri.EscapeDataString(nic)}", cancellation)
            ?? throw new CommandException($"There is no network interface '{nic}'. hnv get networkInterfaces lists them.");
        bool? isIPv6 = IPAddress.TryParse(other, out IPAddress? far) ? far.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 : null;
        foreach (JsonNode? configuration in document["properties"]?["ipConfigurations"] as JsonArray ?? [])
        {
            if ((string?)configuration?["properties"]?["privateIPAddress"] is { } address
                && (isIPv6 is null || isIPv6 == address.Contains(':', StringComparison.Ordinal))
                && ((string?)configuration["properties"]!["subnet"]?["resourceRef"])?.Split('/', StringSplitOptions.RemoveEmptyEntries) is [{ } type, { } id, ..])
            {
                return (address, $"/{type}/{id}");
            }
        }

        throw new CommandException($"{nic} has no address {(isIPv6 is null ? "in a network" : $"of the family of {other}")}.");
    }

    private static JsonObject Request(ParseResult parsed, string network, string from, string to)
    {
        string kind = network.StartsWith("/logicalNetworks/", StringComparison.OrdinalIgnoreCase) ? "Logical" : "Virtual";
        JsonObject properties = new()
        {
            [$"sender{kind}Network"] = new JsonObject { ["resourceRef"] = network },
            [$"receiver{kind}Network"] = new JsonObject { ["resourceRef"] = network },
            ["senderIpAddress"] = from,
            ["receiverIpAddress"] = to,
            ["protocol"] = parsed.GetValue(s_tcp) is not null ? "Tcp" : parsed.GetValue(s_udp) is not null ? "Udp" : "Icmp",
            ["disableTracing"] = parsed.GetValue(s_noTrace),
        };
        if ((parsed.GetValue(s_tcp) ?? parsed.GetValue(s_udp)) is { } port)
        {
            properties["destinationPort"] = port;
        }

        return new JsonObject { ["properties"] = properties };
    }

    private static async Task<JsonNode?> ResultAsync(ControllerClient controller, string reference, CancellationToken cancellation)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(s_patience);
        try
        {
            while (true)
            {
                JsonNode? result = (await controller.GetAsync(reference, limit.Token))?["properties"]?["result"];
                if ((string?)result?["status"] is not ("InProgress" or "Pending"))
                {
                    return result ?? throw new CommandException($"{reference} is gone.");
                }

                await Task.Delay(s_pause, limit.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new CommandException($"{reference} is not known after {s_patience.TotalSeconds:0} s.");
        }
    }

    private static void Print(JsonNode? result)
    {
        foreach (JsonNode? node in result?["nodeOutput"] as JsonArray ?? [])
        {
            Console.Out.WriteLine($"{node!["nodeType"]}{((string?)node["x-openhnv-host"] is { } host ? $", {Output.Clean(host)}" : "")}");
            foreach (JsonNode? line in node["traceOutput"] as JsonArray ?? [])
            {
                Console.Out.WriteLine($"  {Output.Clean((string?)line ?? "")}");
            }
        }

        Console.Out.WriteLine((string?)result?["errorMessage"] is { Length: > 0 } error ? $"{result["status"]}: {Output.Clean(error)}" : $"{result?["status"]}");
    }
}
