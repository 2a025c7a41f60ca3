using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli.Vfp;

/// <summary><c>hnv vfp VERB</c>: every object of the switch under its parent, with vfpctrl's verbs, spelling and output.</summary>
internal static class VfpCommand
{
    private const int SampleDefault = 100;

    private static readonly Option<string> s_port = new("--port") { Description = "The port: a device, a network interface or its GUID", HelpName = "PORT" };
    private static readonly Option<string?> s_layer = new("--layer") { Description = "Only this layer", HelpName = "NAME" };
    private static readonly Option<string?> s_group = new("--group") { Description = "Only this group", HelpName = "NAME" };
    private static readonly Option<int> s_format = new("--format") { Description = "1 prints JSON", HelpName = "0|1" };
    private static readonly Argument<string> s_sample = new("sample")
    {
        Description = "How many flows at most; vfpctrl's further numbers are taken and ignored",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Argument<string> s_tuple = new("tuple") { Description = "\"PROTOCOL SOURCE SPORT DESTINATION DPORT DIRECTION FLAGS\"; direction 1 is in, 2 is out; flag 1 is TCP SYN" };

    private static readonly Command[] s_verbs =
    [
        OfSwitch("list-vmswitch-port", "Ports and external NICs", ListPortsAsync),
        OfSwitch("get-switch-forwarding-settings", "External NICs, their offloads, and what packets from the provider network are forwarded by", SwitchAsync),
        OfPort("list-layer", "Layers of a port", (query, cancellation) => TreeAsync(query, Depth.Layers, cancellation)),
        OfPort("list-group", "Groups of a layer, or of all", (query, cancellation) => TreeAsync(query, Depth.Groups, cancellation), s_layer),
        OfPort("list-rule", "Rules of a group, of a layer, or all", (query, cancellation) => TreeAsync(query, Depth.Rules, cancellation), s_layer, s_group),
        OfPort("get-rule-counter", "How many packets matched each rule", (query, cancellation) => TreeAsync(query, Depth.Counters, cancellation), s_layer, s_group),
        OfPort("list-space", "Spaces that rules refer to", SpacesAsync),
        OfPort("list-mapping", "CA-PA mappings of a port's space", MappingsAsync),
        OfPort("list-nat-range", "How far the ranges of source translations are used", NatRangesAsync),
        OfPort("list-tag", "Tags; this engine has none, prefixes stand in the rules", TagsAsync),
        OfPort("list-unified-flow", "Unified flows with state and transposition", (query, cancellation) => FlowsAsync(query, "list-unified-flow", int.MaxValue, cancellation)),
        OfPort("sample-unified-flow", "Some unified flows", (query, cancellation) => FlowsAsync(query, "sample-unified-flow", query.Sample, cancellation), s_sample),
        OfPort("get-port-state", "State, guards and offloads of a port", StateAsync),
        OfPort("get-port-flow-settings", "Flow limits of a port", FlowSettingsAsync),
        OfPort("get-port-flow-stats", "Unified flows by kind and direction: how many there are, were and may be", FlowStatsAsync),
        OfPort("get-flow-stats", "What each layer was asked, and the conversations it knows", LayerStatsAsync),
        OfPort("get-port-counter", "Packets by direction and drop reason", CountersAsync),
        OfPort("process-tuples", "What the port would do with a packet; hnv trace tells more", TupleAsync, s_tuple),
    ];

    private enum Depth
    {
        Layers,
        Groups,
        Rules,
        Counters,
    }

    /// <summary>The names of the verbs.</summary>
    public static IReadOnlyCollection<string> Verbs => [.. s_verbs.Select(verb => verb.Name)];

    public static Command Create() => new Command("vfp", "The switch, object by object, with vfpctrl's verbs").With(s_verbs).Example(
        "hnv vfp list-rule --port contoso-sql-nic0 --layer FW_CONTROLLER_LAYER_ID",
        "hnv vfp /list-rule /port 3D0F… /layer VNET_ENCAP_LAYER /group VNET_GROUP_ENCAP_IPV4_OUT",
        "hnv vfp list-unified-flow --port tap0 --format 1",
        "hnv vfp list-vmswitch-port --host host1");

    private static Command OfSwitch(string name, string description, Func<ParseResult, CancellationToken, Task<VfpAnswer>> ask) =>
        new Command(name, description).With(s_format).Example($"hnv vfp {name}", $"hnv vfp /{name} /format 1").Does((parsed, cancellation) => PrintAsync(parsed, () => ask(parsed, cancellation)));

    private static Command OfPort(string name, string description, Func<VfpQuery, CancellationToken, Task<VfpAnswer>> ask, params Symbol[] more) =>
        new Command(name, description).With([s_port, .. more, s_format]).Example($"hnv vfp {name} --port contoso-sql-nic0", $"hnv vfp /{name} /port contoso-sql-nic0 /format 1")
            .Does((parsed, cancellation) => PrintAsync(parsed, async () =>
            {
                string named = parsed.GetValue(s_port) ?? throw new CommandException("Which port? Add --port with a device, a network interface or its GUID; hnv port list shows them.");
                using PortPlace place = await PortPlace.FindAsync(parsed, named, cancellation);
                return await ask(new VfpQuery(
                    place,
                    more.Contains(s_layer) ? parsed.GetValue(s_layer) : null,
                    more.Contains(s_group) ? parsed.GetValue(s_group) : null,
                    more.Contains(s_sample) ? SampleSize(parsed.GetValue(s_sample)) : 0,
                    more.Contains(s_tuple) ? parsed.GetRequiredValue(s_tuple) : ""), cancellation);
            }));

    /// <summary>Failures too go where parsers of the output look: to the first line of standard output.</summary>
    private static async Task<int> PrintAsync(ParseResult parsed, Func<Task<VfpAnswer>> ask)
    {
        try
        {
            VfpAnswer answer = await ask();
            if (parsed.GetValue(s_format) == 1 || parsed.GetValue(CommandLine.OutputOption) != OutputFormat.Table)
            {
                OutputFormat format = parsed.GetValue(CommandLine.OutputOption);
                Output.Document(answer.Json(), format == OutputFormat.Table ? OutputFormat.Json : format);
            }
            else
            {
                Console.Out.Write(answer.Text());
            }

            return 0;
        }
        catch (Exception e) when (e is CommandException or ApiException)
        {
            Console.Out.Write(VfpText.Failed(e.Message));
            return 1;
        }
    }

    private static async Task<VfpAnswer> ListPortsAsync(ParseResult parsed, CancellationToken cancellation)
    {
        List<(VfpSwitch Switch, IReadOnlyList<VfpPort> Ports)> all = [];
        foreach ((string _, HostClient agent) in Endpoints.Agents(parsed))
        {
            using (agent)
            {
                all.Add((await agent.GetSwitchAsync(cancellation), await agent.GetSwitchPortsAsync(cancellation)));
            }
        }

        return new VfpAnswer(
            () =>
            {
                VfpText text = new VfpText().Head();
                foreach ((VfpSwitch of, IReadOnlyList<VfpPort> ports) in all)
                {
                    text = of.Uplinks.Aggregate(text, (so, uplink) => so.Uplink(of.Name, of.Id, uplink));
                    text = ports.Aggregate(text, (so, port) => so.Port(of.Name, of.Id, port));
                }

                return text.Succeeded("list-vmswitch-port");
            },
            () => new JsonObject
            {
                ["Ports"] = new JsonArray([.. all.SelectMany(each => each.Switch.Uplinks.Select(VfpJson.Uplink).Concat(each.Ports.Select(VfpJson.Port)))]),
            });
    }

    private static async Task<VfpAnswer> SwitchAsync(ParseResult parsed, CancellationToken cancellation)
    {
        List<VfpSwitch> all = [];
        foreach ((string _, HostClient agent) in Endpoints.Agents(parsed))
        {
            using (agent)
            {
                all.Add(await agent.GetSwitchAsync(cancellation));
            }
        }

        return new VfpAnswer(
            () => all.Aggregate(new VfpText().Head(), (text, each) => text.Switch(each)).Succeeded("get-switch-forwarding-settings"),
            () => new JsonObject { ["Switches"] = JsonSerializer.SerializeToNode(all.ToArray(), ContractJson.Default.VfpSwitchArray) });
    }

    private static async Task<VfpAnswer> TreeAsync(VfpQuery query, Depth depth, CancellationToken cancellation)
    {
        IReadOnlyList<VfpLayer> layers = Only(await query.Agent.GetLayersAsync(query.Nic, cancellation), query.Layer, layer => layer.Name, "layer", query.PortName);
        if (query.Group is { } group)
        {
            _ = Only([.. layers.SelectMany(layer => layer.Groups)], group, each => each.Name, "group", query.Layer ?? query.PortName);
            layers = [.. layers.Select(layer => layer with { Groups = [.. layer.Groups.Where(each => IsSame(each.Name, group))] }).Where(layer => layer.Groups.Count > 0)];
        }

        IReadOnlyList<VfpRule>? rules = depth >= Depth.Rules ? await query.Agent.GetRulesAsync(query.Nic, query.Layer, query.Group, cancellation) : null;
        return new VfpAnswer(
            () => TreeText(query, depth, layers, rules),
            () => depth switch
            {
                Depth.Groups when query.Layer is not null => new JsonObject { ["Groups"] = new JsonArray([.. layers[0].Groups.Select(VfpJson.Group)]) },
                Depth.Rules or Depth.Counters when query is { Layer: not null, Group: not null } => new JsonObject { ["Rules"] = new JsonArray([.. rules!.Select(VfpJson.Rule)]) },
                _ => new JsonObject { ["Layers"] = VfpJson.Tree(layers, rules) },
            });
    }

    private static string TreeText(VfpQuery query, Depth depth, IReadOnlyList<VfpLayer> layers, IReadOnlyList<VfpRule>? rules)
    {
        ILookup<(string, string), VfpRule>? byGroup = rules?.ToLookup(rule => (rule.Layer, rule.Group));
        VfpText text = new VfpText().Head();
        foreach (VfpLayer layer in layers)
        {
            if (depth == Depth.Layers || query.Layer is null)
            {
                _ = text.Layer(layer).Break();
            }

            foreach (VfpGroup group in depth == Depth.Layers ? [] : layer.Groups)
            {
                if (depth == Depth.Groups || query.Group is null)
                {
                    _ = text.Group(group).Break();
                }

                foreach (VfpRule rule in byGroup?[(layer.Name, group.Name)] ?? [])
                {
                    _ = depth == Depth.Counters ? text.RuleCounter(rule) : text.Rule(rule).Break();
                }
            }
        }

        return text.Succeeded(depth switch
        {
            Depth.Layers => "list-layer",
            Depth.Groups => "list-group",
            Depth.Rules => "list-rule",
            _ => "get-rule-counter",
        });
    }

    private static async Task<VfpAnswer> SpacesAsync(VfpQuery query, CancellationToken cancellation) => VfpAnswer.List(
        "list-space", "Spaces", await query.Agent.GetSpacesAsync(query.Nic, cancellation), (text, space) => text.Space(space), ContractJson.Default.VfpSpace);

    private static async Task<VfpAnswer> MappingsAsync(VfpQuery query, CancellationToken cancellation) => VfpAnswer.List(
        "list-mapping", "Mappings", await query.Agent.GetSpaceMappingsAsync(query.Nic, cancellation), (text, mapping) => text.Mapping(mapping), ContractJson.Default.VfpMapping);

    private static async Task<VfpAnswer> NatRangesAsync(VfpQuery query, CancellationToken cancellation) => VfpAnswer.List(
        "list-nat-range", "NatRanges", await query.Agent.GetNatRangesAsync(query.Nic, cancellation), (text, range) => text.NatRange(range), ContractJson.Default.VfpNatRange);

    private static Task<VfpAnswer> TagsAsync(VfpQuery query, CancellationToken cancellation) => Task.FromResult(new VfpAnswer(
        () => new VfpText().Head().Succeeded("list-tag"), () => new JsonObject { ["Tags"] = new JsonArray() }));

    private static async Task<VfpAnswer> FlowsAsync(VfpQuery query, string verb, int limit, CancellationToken cancellation)
    {
        int number = 0;
        return VfpAnswer.List(
            verb, "UnifiedFlows", await query.Agent.GetUnifiedFlowsAsync(query.Nic, limit, cancellation), (text, flow) => text.Flow(++number, flow), ContractJson.Default.VfpUnifiedFlow);
    }

    private static async Task<VfpAnswer> StateAsync(VfpQuery query, CancellationToken cancellation)
    {
        VfpPort port = await SwitchPortAsync(query, cancellation);
        return new VfpAnswer(
            () => new VfpText().Head().State(port.State).Break().Succeeded("get-port-state"),
            () => JsonSerializer.SerializeToNode(port.State, ContractJson.Default.VfpPortState)!);
    }

    private static async Task<VfpAnswer> FlowSettingsAsync(VfpQuery query, CancellationToken cancellation)
    {
        VfpFlowStatistics flows = await query.Agent.GetFlowStatisticsAsync(query.Nic, cancellation);
        return new VfpAnswer(
            () => new VfpText().Head().Value(4, "Flow limit", flows.FlowLimit).Value(4, "Half open flow limit", flows.HalfOpenLimit).Value(4, "Unified flows", "Enabled").Break().Succeeded("get-port-flow-settings"),
            () => new JsonObject { ["FlowLimit"] = flows.FlowLimit, ["HalfOpenFlowLimit"] = flows.HalfOpenLimit });
    }

    private static async Task<VfpAnswer> FlowStatsAsync(VfpQuery query, CancellationToken cancellation)
    {
        VfpFlowStatistics flows = await query.Agent.GetFlowStatisticsAsync(query.Nic, cancellation);
        return new VfpAnswer(
            () => new VfpText().Head().FlowCounts(flows.Out, "OUT").FlowCounts(flows.In, "IN").Succeeded("get-port-flow-stats"),
            () => JsonSerializer.SerializeToNode(flows, ContractJson.Default.VfpFlowStatistics)!);
    }

    private static async Task<VfpAnswer> LayerStatsAsync(VfpQuery query, CancellationToken cancellation)
    {
        IReadOnlyList<VfpLayer> layers = await query.Agent.GetLayersAsync(query.Nic, cancellation);
        VfpFlowStatistics flows = await query.Agent.GetFlowStatisticsAsync(query.Nic, cancellation);
        long conversations = flows.Out.TotalFlow.Count + flows.In.TotalFlow.Count;
        long Known(VfpLayer layer) => layer.Connections == "AsksEachPacket" ? 0 : conversations;
        return new VfpAnswer(
            () => layers.Aggregate(new VfpText().Head(), (text, layer) => text.Value(2, "LAYER", layer.Name).Value(4, "Packets", layer.Packets).Value(4, "Flows", Known(layer)).Break()).Succeeded("get-flow-stats"),
            () => new JsonObject
            {
                ["Layers"] = new JsonArray([.. layers.Select(layer => (JsonNode)new JsonObject { ["Name"] = layer.Name, ["Packets"] = layer.Packets, ["Flows"] = Known(layer) })]),
            });
    }

    private static async Task<VfpAnswer> CountersAsync(VfpQuery query, CancellationToken cancellation)
    {
        NicCounters nic = await query.Agent.GetNicCountersAsync(query.Nic, cancellation);
        VfpPort port = await SwitchPortAsync(query, cancellation);
        return new VfpAnswer(
            () => new VfpText().Head().Counters("OUT", nic.Out, port.Out).Counters("IN", nic.In, port.In).Succeeded("get-port-counter"),
            () => new JsonObject
            {
                ["Counters"] = JsonSerializer.SerializeToNode(nic, ContractJson.Default.NicCounters),
                ["Out"] = JsonSerializer.SerializeToNode(port.Out, ContractJson.Default.VfpPortCounts),
                ["In"] = JsonSerializer.SerializeToNode(port.In, ContractJson.Default.VfpPortCounts),
            });
    }

    private static async Task<VfpAnswer> TupleAsync(VfpQuery query, CancellationToken cancellation)
    {
        TraceReport report = await query.Agent.TraceAsync(TraceCommand.OfTuple(query.Nic, query.Tuple), cancellation);
        return new VfpAnswer(
            () => new VfpText().Head().Trace(report).Succeeded("process-tuples"),
            () => JsonSerializer.SerializeToNode(report, ContractJson.Default.TraceReport)!);
    }

    private static async Task<VfpPort> SwitchPortAsync(VfpQuery query, CancellationToken cancellation) =>
        (await query.Agent.GetSwitchPortsAsync(cancellation)).FirstOrDefault(port => port.Nic == query.Nic)
        ?? throw new CommandException($"Port {query.PortName} has gone in the meantime. See: hnv port list");

    private static IReadOnlyList<T> Only<T>(IReadOnlyList<T> all, string? name, Func<T, string> nameOf, string kind, string parent)
    {
        if (name is null)
        {
            return all;
        }

        IReadOnlyList<T> found = [.. all.Where(each => IsSame(nameOf(each), name))];
        return found.Count > 0
            ? found
            : throw new CommandException($"{parent} has no {kind} '{name}'. It has {string.Join(", ", all.Select(nameOf))}.");
    }

    private static bool IsSame(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);

    private static int SampleSize(string? sample)
    {
        string first = sample?.Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "";
        return first.Length == 0 ? SampleDefault
            : int.TryParse(first, System.Globalization.CultureInfo.InvariantCulture, out int count) && count > 0 ? count
            : throw new CommandException($"'{sample}' does not begin with a number of flows; write for example \"100000 0 1\".");
    }
}

/// <summary>What is asked of a port.</summary>
internal sealed record VfpQuery(PortPlace Place, string? Layer, string? Group, int Sample, string Tuple)
{
    public HostClient Agent => Place.Agent;

    public Guid Nic => Place.Port.Nic;

    public string PortName => Place.Name;
}
