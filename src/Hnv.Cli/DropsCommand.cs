using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Hnv.Client;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli;

/// <summary><c>hnv drops</c>: what was dropped lately, and why; or what is being dropped.</summary>
internal static class DropsCommand
{
    private const int BacklogMax = 1024;

    private static readonly string[] s_columns = ["Time", "Host", "Port", "Direction", "Reason", "Layer", "Rule", "Packet"];

    public static Command Create()
    {
        Option<string?> port = new("--port") { Description = "Only this port: a device, a network interface or its instanceId", HelpName = "PORT" };
        Option<string?> reason = new("--reason") { Description = "Only this reason, for example Acl or NoRoute", HelpName = "NAME" };
        Option<bool> follow = new("--follow", "-f") { Description = "Go on as they come" };
        return new Command("drops", "Samples of dropped packets: when, where, why, by which rule").With(port, reason, follow)
            .Example("hnv drops", "hnv drops --port contoso-sql-nic0 --reason Acl", "hnv drops --follow", "hnv drops -o json")
            .Does(async (parsed, cancellation) =>
            {
                string? named = parsed.GetValue(port);
                Guid? nic = null;
                if (named is not null)
                {
                    using PortPlace place = await PortPlace.FindAsync(parsed, named, cancellation);
                    nic = place.Port.Nic;
                }

                bool IsMeant(DropInfo drop) =>
                    (nic is null || drop.Nic == nic) && (parsed.GetValue(reason) is not { } only || drop.Reason.Equals(only, StringComparison.OrdinalIgnoreCase));
                return parsed.GetValue(follow) ? await FollowAsync(parsed, IsMeant, cancellation) : await ListAsync(parsed, IsMeant, cancellation);
            });
    }

    private static async Task<int> ListAsync(ParseResult parsed, Func<DropInfo, bool> isMeant, CancellationToken cancellation)
    {
        List<(string Host, DropInfo Drop)> all = [];
        foreach ((string host, HostClient agent) in Endpoints.Agents(parsed))
        {
            using (agent)
            {
                all.AddRange((await agent.GetDropsAsync(0, cancellation)).Where(isMeant).Select(drop => (host, drop)));
            }
        }

        all.Sort((one, other) => one.Drop.At.CompareTo(other.Drop.At));
        OutputFormat format = parsed.GetValue(CommandLine.OutputOption);
        if (format == OutputFormat.Table)
        {
            Output.Rows(format, s_columns, all.Select(each => Row(each.Host, each.Drop)), "No drops have been sampled. hnv port list has the counters.");
        }
        else
        {
            Output.Document(new JsonArray([.. all.Select(each => Node(each.Host, each.Drop))]), format);
        }

        return 0;
    }

    /// <summary>All hosts at once, one line each, until interrupted.</summary>
    private static async Task<int> FollowAsync(ParseResult parsed, Func<DropInfo, bool> isMeant, CancellationToken cancellation)
    {
        Channel<(string Host, DropInfo Drop)> all = Channel.CreateBounded<(string, DropInfo)>(BacklogMax);
        IReadOnlyList<(string Host, HostClient Client)> agents = Endpoints.Agents(parsed);
        Task listening = Task.WhenAll(agents.Select(async each =>
        {
            using (each.Client)
            {
                await foreach (DropInfo drop in each.Client.FollowDropsAsync(cancellation))
                {
                    await all.Writer.WriteAsync((each.Host, drop), cancellation);
                }
            }
        }));
        _ = listening.ContinueWith(ended => all.Writer.TryComplete(ended.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        bool asTable = parsed.GetValue(CommandLine.OutputOption) == OutputFormat.Table;
        await foreach ((string host, DropInfo drop) in all.Reader.ReadAllAsync(cancellation))
        {
            if (isMeant(drop))
            {
                Console.Out.WriteLine(asTable ? string.Join("  ", Row(host, drop).Select(value => value ?? "-")) : Node(host, drop).ToJsonString());
            }
        }

        return 0;
    }

    private static string?[] Row(string host, DropInfo drop) =>
    [
        drop.At.ToLocalTime().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture),
        host,
        drop.Port ?? "provider network",
        drop.Direction,
        drop.Reason,
        drop.Layer,
        drop.Rule,
        drop.Packet,
    ];

    private static JsonNode Node(string host, DropInfo drop)
    {
        JsonNode node = JsonSerializer.SerializeToNode(drop, ContractJson.Default.DropInfo)!;
        node["host"] = host;
        return node;
    }
}
