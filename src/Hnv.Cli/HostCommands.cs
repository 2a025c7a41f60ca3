using System.CommandLine;
using System.Globalization;
using Hnv.Client;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli;

/// <summary><c>hnv status|mappings|flows</c>: what hosts really do.</summary>
internal static class HostCommands
{
    public static Command Status() => new Command("status", "Hosts: agent, policy in force, drops from the provider network").Does(async (parsed, cancellation) =>
    {
        bool healthy = true;
        List<string?[]> rows = [];
        foreach ((string host, HostClient client) in Endpoints.Agents(parsed))
        {
            using (client)
            {
                HostInventory inventory = await client.GetHostAsync(cancellation);
                HostHealth health = await client.GetHealthAsync(cancellation);
                HostCounters counters = await client.GetCountersAsync(cancellation);
                healthy &= health.Healthy;
                rows.Add(
                [
                    inventory.Name,
                    health.Healthy ? "healthy" : string.Join("; ", health.Parts.Where(part => part.Value != "ok").Select(part => $"{part.Key}: {part.Value}")),
                    inventory.Connected ? "connected" : "not connected",
                    inventory.Executor,
                    string.Join(", ", inventory.ProviderAddresses.Select(pa => pa.State == "ready" ? pa.Address : $"{pa.Address} ({pa.State})")),
                    string.Create(CultureInfo.InvariantCulture, $"{inventory.Configuration.Current} of {inventory.Configuration.Next}"),
                    string.Join(" ", counters.UnderlayDrops.Where(drop => drop.Value > 0).Select(drop => string.Create(CultureInfo.InvariantCulture, $"{drop.Key}:{drop.Value}"))),
                ]);
            }
        }

        Output.Rows(
            parsed.GetValue(CommandLine.OutputOption), ["Host", "Health", "Controller", "Executor", "Provider addresses", "Policy", "Underlay drops"], rows, "No hosts.");
        return healthy ? 0 : 1;
    });

    public static Command Mappings() => new Command("mappings", "CA-PA mappings in force").Example("hnv mappings", "hnv mappings --host host1").Does(async (parsed, cancellation) =>
    {
        List<string?[]> rows = [];
        foreach ((string host, HostClient client) in Endpoints.Agents(parsed))
        {
            using (client)
            {
                rows.AddRange((await client.GetMappingsAsync(cancellation)).Select(mapping => new string?[]
                {
                    host, mapping.Vsid.ToString(CultureInfo.InvariantCulture), mapping.CustomerAddress, mapping.Mac, mapping.ProviderAddress, mapping.Encapsulation,
                }));
            }
        }

        Output.Rows(parsed.GetValue(CommandLine.OutputOption), ["Host", "VSID", "CA", "MAC", "PA", "Encapsulation"], rows, "No mappings.");
        return 0;
    });

    public static Command Flows()
    {
        Argument<string> port = new("port") { Description = "A device, a network interface or its instanceId" };
        return new Command("flows", "Unified flows of a port").With(port).Example("hnv flows contoso-sql-nic0").Does(async (parsed, cancellation) =>
        {
            using PortPlace place = await PortPlace.FindAsync(parsed, parsed.GetRequiredValue(port), cancellation);
            Print(parsed, await place.Agent.GetFlowsAsync(place.Port.Nic, cancellation));
            return 0;
        });
    }

    private static void Print(ParseResult parsed, IReadOnlyList<FlowInfo> flows) => Output.Rows(
        parsed.GetValue(CommandLine.OutputOption),
        ["Direction", "Protocol", "Source", "Destination", "Verdict", "Transposition", "Packets", "Bytes", "Age s"],
        flows.Select(flow => new string?[]
        {
            flow.Direction,
            flow.Protocol.ToString(CultureInfo.InvariantCulture),
            string.Create(CultureInfo.InvariantCulture, $"{flow.Source}:{flow.SourcePort}"),
            string.Create(CultureInfo.InvariantCulture, $"{flow.Destination}:{flow.DestinationPort}"),
            flow.Reason is null ? flow.Verdict : $"{flow.Verdict} ({flow.Reason})",
            flow.Transposition,
            flow.Packets.ToString(CultureInfo.InvariantCulture),
            flow.Bytes.ToString(CultureInfo.InvariantCulture),
            flow.AgeSeconds.ToString("0.0", CultureInfo.InvariantCulture),
        }),
        "No flows.");
}
