using System.Globalization;
using Hnv.Contracts.HostChannel;

namespace Hnv.Cli.Vfp;

/// <summary>The objects of the switch as text, with vfpctrl's keys in vfpctrl's order; keys of our own come behind those.</summary>
internal static class VfpItems
{
    private const int Top = 2;
    private const int Inner = 4;
    private const int Nested = 8;

    public static VfpText Port(this VfpText text, string host, Guid hostId, VfpPort port)
    {
        long dropsOut = port.Out.Drops.Values.Sum(), dropsIn = port.In.Drops.Values.Sum();
        _ = text.Value(0, "Port name", Upper(port.Nic))
            .Value(0, "Port Friendly name", port.Name ?? port.Device)
            .Value(0, "Switch name", Upper(hostId))
            .Value(0, "Switch Friendly name", host)
            .Value(0, "Port Id", port.Number)
            .Value(0, "Port type", "Synthetic")
            .Value(0, "NIC name", port.Device)
            .Value(0, "Mac address", port.Mac)
            .Value(0, "MTU", port.Mtu)
            .Value(0, "VM name", port.Name)
            .Value(0, "VM ID", Upper(port.Nic))
            .Value(0, "VSID", port.Vsid)
            .Value(0, "VLAN", port.Vlan)
            .Value(0, "Bytes Sent", port.Out.Bytes)
            .Value(0, "Bytes Received", port.In.Bytes)
            .Value(0, "Ingress Packet Drops", dropsOut)
            .Value(0, "Egress Packet Drops", dropsIn)
            .Value(0, "Ingress VFP Drops", dropsOut)
            .Value(0, "Egress VFP Drops", dropsIn);
        foreach ((string reason, long count) in port.Out.Drops)
        {
            _ = text.Value(0, $"Ingress packet drops : {reason}", count);
        }

        foreach ((string reason, long count) in port.In.Drops)
        {
            _ = text.Value(0, $"Egress packet drops : {reason}", count);
        }

        return text.Line(0, port.State.Blocked ? "Port is Blocked." : "Port is Initialized.")
            .Line(0, port.IsUp ? "NIC is Connected." : "NIC is Disconnected.")
            .Line(0, "MAC Learning is Disabled.")
            .Break();
    }

    public static VfpText Uplink(this VfpText text, string host, Guid hostId, VfpUplink uplink) => text
        .Value(0, "Port name", uplink.Device)
        .Value(0, "Port Friendly name", "ExternalPort")
        .Value(0, "Switch name", Upper(hostId))
        .Value(0, "Switch Friendly name", host)
        .Value(0, "Port Id", uplink.TeamMember)
        .Value(0, "Port type", "External")
        .Value(0, "Mac address", uplink.Mac)
        .Value(0, "MTU", uplink.Mtu)
        .Value(0, "Team member", uplink.TeamMember)
        .Value(0, "Provider address", uplink.ProviderAddress)
        .Value(0, "VLAN", uplink.Vlan)
        .Value(0, "Offloads", string.Join(", ", uplink.Offloads))
        .Line(0, "Port is Initialized.")
        .Line(0, uplink.IsUp ? "NIC is Connected." : "NIC is Disconnected.")
        .Line(0, "MAC Learning is Disabled.")
        .Break();

    public static VfpText Layer(this VfpText text, VfpLayer layer) => text
        .Value(Top, "LAYER", layer.Name)
        .Value(Inner, "Friendly name", layer.Name)
        .Value(Inner, "Flags", layer.Connections switch
        {
            "Passes" => "1 stateful",
            "Translates" => "2 translating",
            _ => "0",
        })
        .Value(Inner, "Priority", layer.Priority);

    public static VfpText Group(this VfpText text, VfpGroup group) => text
        .Value(Top, "GROUP", group.Name)
        .Value(Inner, "Friendly name", group.Name)
        .Value(Inner, "Priority", group.Priority)
        .Value(Inner, "Direction", group.Direction)
        .Value(Inner, "Type", group.Type)
        .Line(Inner, "Conditions:")
        .Line(Nested, "<none>")
        .Value(Inner, "Match type", "Priority-based match");

    public static VfpText Rule(this VfpText text, VfpRule rule)
    {
        _ = text.Value(Top, "RULE", rule.Id)
            .Value(Inner, "Friendly name", rule.Id)
            .Value(Inner, "Priority", rule.Priority)
            .Value(Inner, "Flags", rule.IsTerminating ? "1 terminating" : "0")
            .Value(Inner, "Type", rule.Type.ToLowerInvariant())
            .Line(Inner, "Conditions:");
        IReadOnlyList<VfpValue> conditions = [.. Conditions(rule.Condition)];
        foreach (VfpValue condition in conditions)
        {
            _ = text.Value(Nested, condition.Name, condition.Value);
        }

        if (conditions.Count == 0)
        {
            _ = text.Line(Nested, "<none>");
        }

        _ = text.Line(Inner, $"Flow TTL: {rule.FlowTtlSeconds.ToString(CultureInfo.InvariantCulture)}").Value(Inner, "Match type", "Priority-based match");
        if (rule.Space is { } space)
        {
            _ = text.Value(Inner, "Space", space);
        }

        // A parser loses the line behind these lists, so a rule has one at most, and FlagsEx, always the same, is what follows.
        bool isEncap = rule.Type == "MapEncap";
        foreach (VfpValue value in rule.Data.Where(value => isEncap || value.Name == "Meter info"))
        {
            _ = text.Value(Inner, value.Name, value.Value);
        }

        _ = text.Value(Inner, "Counter offloaded", "False").Value(Inner, "Matched packets", rule.Matches);
        if (isEncap)
        {
            _ = text.Line(Inner, "Encap Destination(s):").Line(Nested, $"{{ Space={rule.Space} }}");
        }
        else if (rule.Data.Any(value => value.Name != "Meter info"))
        {
            _ = text.Line(Inner, "Rule Data:");
            foreach (VfpValue value in rule.Data.Where(value => value.Name != "Meter info"))
            {
                _ = text.Line(Nested, $"{value.Name} = {value.Value}");
            }
        }

        return text.Value(Inner, "FlagsEx", 0);
    }

    public static VfpText RuleCounter(this VfpText text, VfpRule rule) => text
        .Value(Top, "RULE", rule.Id)
        .Value(Inner, "Friendly name", rule.Id)
        .Value(Inner, "Matched packets", rule.Matches)
        .Value(Inner, "Dropped packets", rule.Type == "Block" ? rule.Matches : 0)
        .Break();

    public static VfpText Space(this VfpText text, VfpSpace space) => text
        .Value(Top, "SPACE", space.Name)
        .Value(Inner, "Friendly name", space.Name)
        .Value(Inner, "Type", space.Type)
        .Value(Inner, "Entries", space.Entries)
        .Break();

    public static VfpText Mapping(this VfpText text, VfpMapping mapping) => text
        .Value(Top, "MAPPING", mapping.CustomerAddress)
        .Value(Inner, "Space", mapping.Space)
        .Value(Inner, "Isolation id", mapping.Vsid)
        .Value(Inner, "Customer address", mapping.CustomerAddress)
        .Value(Inner, "Mac address", mapping.Mac)
        .Value(Inner, "Provider address", mapping.ProviderAddress)
        .Value(Inner, "EncapType", mapping.Encapsulation)
        .Value(Inner, "State", "Normal")
        .Value(Inner, "Flags", "permanent")
        .Break();

    public static VfpText NatRange(this VfpText text, VfpNatRange range) => text
        .Value(Top, "NAT RANGE", $"{range.Address} {Span(range)}")
        .Value(Inner, "IP address", range.Address)
        .Value(Inner, "Protocol", range.Protocol)
        .Value(Inner, "Ports", Span(range))
        .Value(Inner, "Used", range.Used)
        .Value(Inner, "State", range.State)
        .Break();

    public static VfpText Flow(this VfpText text, int number, VfpUnifiedFlow flow)
    {
        FlowInfo id = flow.Flow;
        _ = text.Value(Top, "UNIFIED FLOW", number)
            .Value(Inner, "Direction", id.Direction == "Outbound" ? "OUT" : "IN")
            .Value(Inner, "Protocol", id.Protocol)
            .Value(Inner, "Source IP", id.Source)
            .Value(Inner, "Source port", id.SourcePort)
            .Value(Inner, "Destination IP", id.Destination)
            .Value(Inner, "Destination port", id.DestinationPort)
            .Value(Inner, "Source MAC", id.SourceMac)
            .Value(Inner, "Destination MAC", id.DestinationMac)
            .Value(Inner, "Flow state", flow.State ?? "None")
            .Value(Inner, "Action", id.Verdict);
        if (id.Reason is { } reason)
        {
            _ = text.Value(Inner, "Drop reason", reason).Value(Inner, "Drop layer", flow.Layer ?? "None").Value(Inner, "Drop rule", flow.Rule ?? "None");
        }

        _ = text.Line(Inner, "Transposition:");
        foreach (VfpValue edit in flow.Edits)
        {
            _ = text.Value(Nested, edit.Name, edit.Value);
        }

        if (flow.Edits.Count == 0)
        {
            _ = text.Line(Nested, "<none>");
        }

        return text.Value(Inner, "Generation", flow.Generation)
            .Value(Inner, "Packets", id.Packets)
            .Value(Inner, "Bytes", id.Bytes)
            .Value(Inner, "Idle seconds", id.AgeSeconds.ToString("0.0", CultureInfo.InvariantCulture))
            .Break();
    }

    public static VfpText State(this VfpText text, VfpPortState state)
    {
        _ = text.Value(Inner, "Enabled", state.Enabled)
            .Value(Inner, "Blocked", state.Blocked)
            .Value(Inner, "BlockedOnRestore", state.BlockedOnRestore)
            .Value(Inner, "BlockedLayerCreation", state.BlockedLayerCreation)
            .Value(Inner, "Preserving Vlan", state.PreservingVlan)
            .Value(Inner, "VM Context Set", state.VmContextSet)
            .Value(Inner, "MAC Spoofing", state.MaySpoof)
            .Value(Inner, "ARP Guard", state.ArpGuard)
            .Value(Inner, "DHCP Guard", state.DhcpGuard)
            .Value(Inner, "Storm limit", state.StormLimit)
            .Value(Inner, "Generation", state.Generation);
        foreach (string offload in OffloadLines(state.Offloads))
        {
            _ = text.Line(Inner, offload);
        }

        return state.Fault is { } fault ? text.Value(Inner, "Fault", fault.Replace(':', ',')) : text;
    }

    public static VfpText FlowCounts(this VfpText text, VfpDirectionFlows flows, string direction)
    {
        _ = text.Line(0, $"Direction - {direction}");
        foreach ((string name, VfpFlowCounts counts) in ((string, VfpFlowCounts)[])
            [("Total Entry", flows.TotalEntry), ("Total Flow", flows.TotalFlow), ("Half Open Flow", flows.HalfOpenFlow),
             ("TCP Flow", flows.TcpFlow), ("UDP Flow", flows.UdpFlow), ("Other Flow", flows.OtherFlow)])
        {
            _ = text.Line(Inner, $"[{name}]")
                .Value(Nested, "Count", counts.Count)
                .Value(Nested, "Limit", counts.Limit)
                .Value(Nested, "Maximum", counts.Maximum)
                .Value(Nested, "Created", counts.Created)
                .Value(Nested, "Matched", counts.Matched)
                .Value(Nested, "Ufs created per second", counts.CreatedPerSecond)
                .Value(Nested, "Ufs deleted per second", counts.DeletedPerSecond)
                .Value(Nested, "Maximum ufs created per second", counts.CreatedPerSecondMaximum)
                .Value(Nested, "Maximum ufs deleted per second", counts.DeletedPerSecondMaximum);
        }

        return text.Break();
    }

    public static VfpText Counters(this VfpText text, string direction, NicDirectionCounters nic, VfpPortCounts counts)
    {
        _ = text.Line(0, $"Direction - {direction}")
            .Value(Inner, "Total packets", nic.Total)
            .Value(Inner, "Dropped packets", nic.Drop)
            .Value(Inner, "Dropped packets no rule match", nic.DropNoRuleMatch)
            .Value(Inner, "Dropped ACL packets", nic.DropAcl)
            .Value(Inner, "Dropped forwarding packets", nic.DropForwarding)
            .Value(Inner, "SYN packets", nic.TcpSyn)
            .Value(Inner, "FIN packets", nic.TcpFin)
            .Value(Inner, "RST packets", nic.TcpReset)
            .Value(Inner, "Bytes", counts.Bytes)
            .Value(Inner, "Matched packets", counts.UnifiedFlowHits)
            .Value(Inner, "Slow path packets", counts.SlowPath)
            .Value(Inner, "Uncached packets", counts.Uncached)
            .Value(Inner, "Billed bytes", counts.BilledBytes)
            .Value(Inner, "Unbilled bytes", counts.UnbilledBytes);
        foreach ((string reason, long count) in counts.Drops)
        {
            _ = text.Value(Inner, $"Dropped {reason}", count);
        }

        return text.Break();
    }

    public static VfpText Trace(this VfpText text, TraceReport report)
    {
        foreach (TraceStage stage in report.Stages.Where(stage => stage.Kind == "layer"))
        {
            _ = text.Value(Top, "LAYER", stage.Name)
                .Value(Inner, "GROUP", stage.Group ?? "<none>")
                .Value(Inner, "RULE", stage.Rule ?? "<none>")
                .Value(Inner, "Action", stage.Outcome.Replace(':', ','))
                .Value(Inner, "Transposition", stage.Edits ?? "<none>");
        }

        _ = text.Break().Value(Top, "Verdict", report.Verdict);
        if (report.Reason is { } reason)
        {
            _ = text.Value(Top, "Drop reason", reason);
        }

        return text.Value(Top, "Decided by layer", report.Layer ?? "<none>").Value(Top, "Decided by rule", report.Rule ?? "<none>").Break();
    }

    public static VfpText Switch(this VfpText text, VfpSwitch settings)
    {
        _ = text.Value(0, "Switch name", Upper(settings.Id))
            .Value(0, "Switch Friendly name", settings.Name)
            .Value(Inner, "Executor", settings.Executor)
            .Value(Inner, "Generation", settings.Generation)
            .Value(Inner, "Forwarding", "inner MAC and isolation id, then outer MAC and VLAN")
            .Break();
        foreach (VfpUplink uplink in settings.Uplinks)
        {
            _ = text.Uplink(settings.Name, settings.Id, uplink);
        }

        foreach (VfpSubnet subnet in settings.Subnets)
        {
            _ = text.Value(Top, "ISOLATION ID", subnet.Vsid)
                .Value(Inner, "Accepted provider addresses", subnet.AcceptedProviderAddresses)
                .Value(Inner, "Ports", string.Join(", ", subnet.Ports.Select(Upper)))
                .Break();
        }

        foreach (VfpPlainPort port in settings.PlainPorts)
        {
            _ = text.Value(Top, "VLAN", port.Vlan).Value(Inner, "Mac address", port.Mac).Value(Inner, "Port", Upper(port.Nic)).Break();
        }

        foreach ((string reason, long count) in settings.UnderlayDrops)
        {
            _ = text.Value(Inner, $"Dropped before a port {reason}", count);
        }

        return text;
    }

    /// <summary>A condition as names and values.</summary>
    public static IEnumerable<VfpValue> Conditions(VfpCondition condition)
    {
        if (condition.DestinationMac is { } mac)
        {
            yield return new VfpValue("Destination MAC", mac);
        }

        if (condition.IsGroup is { } group)
        {
            yield return new VfpValue("Destination MAC type", group ? "multicast" : "unicast");
        }

        if (condition.Protocol is { } protocol)
        {
            yield return new VfpValue("Protocols", protocol.ToString(CultureInfo.InvariantCulture));
        }

        if (condition.Sources.Count > 0)
        {
            yield return new VfpValue("Source IP", string.Join(", ", condition.Sources));
        }

        if (condition.Destinations.Count > 0)
        {
            yield return new VfpValue("Destination IP", string.Join(", ", condition.Destinations));
        }

        if (condition.SourcePorts.Count > 0)
        {
            yield return new VfpValue("Source ports", string.Join(", ", condition.SourcePorts));
        }

        if (condition.DestinationPorts.Count > 0)
        {
            yield return new VfpValue("Destination ports", string.Join(", ", condition.DestinationPorts));
        }
    }

    public static string Upper(Guid id) => id.ToString("D").ToUpperInvariant();

    private static string Span(VfpNatRange range) => string.Create(CultureInfo.InvariantCulture, $"{range.FirstPort}-{range.LastPort}");

    /// <summary>The kernel's features under vfpctrl's names, a line for each that is on.</summary>
    private static IEnumerable<string> OffloadLines(IReadOnlyList<string> features)
    {
        bool transmitChecksum = features.Any(feature => feature.StartsWith("tx-checksum-ip", StringComparison.Ordinal));
        bool receiveChecksum = features.Contains("rx-checksum");
        bool hash = features.Contains("rx-hashing");
        foreach ((string name, string segmentation) in ((string, string)[])[("NVGRE", "tx-gre-segmentation"), ("VXLAN", "tx-udp_tnl-segmentation")])
        {
            foreach ((string offload, bool isOn) in ((string, bool)[])
                [("LSO Offload", features.Contains(segmentation)), ("RSS", hash), ("Transmit Checksum Offload", transmitChecksum), ("Receive Checksum Offload", receiveChecksum)])
            {
                if (isOn)
                {
                    yield return $"{name} {offload} Enabled";
                }
            }
        }
    }
}
