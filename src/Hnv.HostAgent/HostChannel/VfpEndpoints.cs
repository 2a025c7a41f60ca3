using System.Net;
using Hnv.Contracts.HostChannel;
using Hnv.Dataplane.Userspace;
using Hnv.HostAgent.Configuration;
using Hnv.HostAgent.Enforcement;
using Hnv.Linux;
using Hnv.Linux.Netlink;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Southbound;
using Hnv.Vfp;

namespace Hnv.HostAgent.HostChannel;

/// <summary>The switch and its ports, object by object: what <c>hnv vfp</c> shows.</summary>
internal sealed class VfpEndpoints(AgentOptions options, VSwitch vSwitch, UserspaceExecutor executor, PortTable ports, PolicyLoop loop)
{
    /// <summary>Items that one answer holds at most.</summary>
    private const int ItemsMax = 10_000;

    /// <summary>Adds the routes.</summary>
    public void Map(WebApplication web)
    {
        _ = web.MapGet("/v1/vfp/switch", () => Answers.Json(Switch()));
        _ = web.MapGet("/v1/vfp/ports", () => Answers.Json(Ports()));
        _ = web.MapGet("/v1/vfp/ports/{nic:guid}/layers", (Guid nic) => WithPort(nic, port => VfpViews.Layers(port.Snapshot(flowLimit: 0))));
        _ = web.MapGet("/v1/vfp/ports/{nic:guid}/rules", (Guid nic, string? layer, string? group, int? skip, int? top) => Rules(nic, layer, group, skip, top));
        _ = web.MapGet("/v1/vfp/ports/{nic:guid}/spaces", (Guid nic) => WithProgram(nic, VfpViews.Spaces));
        _ = web.MapGet("/v1/vfp/ports/{nic:guid}/mappings", (Guid nic, int? skip, int? top) => WithProgram(nic, program => VfpViews.Mappings(program, Skip(skip), Top(top))));
        _ = web.MapGet("/v1/vfp/ports/{nic:guid}/nat-ranges", (Guid nic) => WithPort(nic, VfpViews.NatRanges));
        _ = web.MapGet("/v1/vfp/ports/{nic:guid}/unified-flows", (Guid nic, int? skip, int? top) => WithPort(nic, port => VfpViews.Flows(port, Skip(skip), Top(top), Environment.TickCount64)));
        _ = web.MapGet("/v1/vfp/ports/{nic:guid}/flow-statistics", (Guid nic) => WithPort(nic, VfpViews.Statistics));
        _ = web.MapGet("/v1/ports/{nic:guid}/counters", (Guid nic) => WithPort(nic, port => new NicCounters(
            VfpViews.Nic(port.Counts(Direction.Inbound)), VfpViews.Nic(port.Counts(Direction.Outbound)))));
    }

    private static int Skip(int? skip) => Math.Max(0, skip ?? 0);

    private static int Top(int? top) => Math.Clamp(top ?? ItemsMax, 1, ItemsMax);

    private VfpSwitch Switch()
    {
        using RouteSocket route = RouteSocket.Open();
        return new VfpSwitch(
            options.Name,
            options.HostId,
            executor.Name,
            vSwitch.Generation,
            [.. options.Uplinks.Select((device, member) => Uplink(route.TryGetLink(device), device, member))],
            [.. vSwitch.Program.Subnets.Select(Subnet).OfType<VfpSubnet>().OrderBy(subnet => subnet.Vsid)],
            [.. vSwitch.Ports.Where(port => port.Program is { IsFailClosed: false, IsVirtualized: false })
                .Select(port => new VfpPlainPort(port.Program!.VlanId, port.Program.Mac.ToString(), port.Nic.Value))],
            ChannelViews.Names(vSwitch.UnderlayDrops));
    }

    private VfpUplink Uplink(LinkInfo? link, string device, int member)
    {
        ProviderAddressPolicy? address = loop.Policy.ProviderAddresses.FirstOrDefault(address => address.TeamMember == member);
        return new VfpUplink(
            device, member, link?.Mac.ToString() ?? "", link?.Mtu ?? 0, link?.IsUp ?? false, address?.Address.ToString(), address?.VlanId ?? 0, LinkFeatures.Active(device));
    }

    private VfpSubnet? Subnet(SubnetProgram program)
    {
        if (vSwitch.TryGetSubnet(program.Vsid.Value) is not { } subnet)
        {
            return null;
        }

        List<Guid> nics = [];
        foreach (VPort port in subnet.Ports)
        {
            nics.Add(port.Nic.Value);
        }

        return new VfpSubnet(program.Vsid.Value, program.AcceptedProviders.Count, nics);
    }

    private IReadOnlyList<VfpPort> Ports()
    {
        using RouteSocket route = RouteSocket.Open();
        Dictionary<string, LinkInfo> links = route.Links().ToDictionary(link => link.Name);
        return [.. ports.Ports.Values.Select(port => Port(port, links.GetValueOrDefault(port.Device))).OrderBy(port => port.Name, StringComparer.Ordinal)];
    }

    private VfpPort Port(AttachedPort attached, LinkInfo? link)
    {
        PortPolicy? policy = loop.Policy.Ports.FirstOrDefault(policy => policy.Nic == attached.Nic);
        PortProgram? program = attached.Port?.Program;
        EnforcementStatus status = loop.StatusOf(attached);
        return new VfpPort(
            attached.Nic.Value,
            link?.Index ?? 0,
            policy?.Name,
            attached.Device,
            policy?.Mac.ToString(),
            link?.Mtu ?? 0,
            policy is { IsVirtualized: true } ? policy.Vsid.Value : null,
            policy?.VlanId ?? 0,
            policy is null ? [] : [.. policy.Addresses.Select(address => address.ToString())],
            link?.IsUp ?? false,
            new VfpPortState(
                attached.Port is not null && attached.Fault is null,
                program is null or { IsFailClosed: true },
                program is null && attached.Port is not null,
                program is { IsFailClosed: true },
                PreservingVlan: false,
                policy is not null,
                program?.Guards.MaySpoof ?? false,
                program?.Guards.ArpGuard ?? false,
                program?.Guards.DhcpGuard ?? false,
                program?.Guards.StormLimit ?? 0,
                attached.Port?.Snapshot(flowLimit: 0).Generation ?? 0,
                LinkFeatures.Active(attached.Device),
                status.State == EnforcementState.Running ? null : status.Message),
            VfpViews.Counts(attached.Port?.Counts(Direction.Inbound)),
            VfpViews.Counts(attached.Port?.Counts(Direction.Outbound)));
    }

    private IResult Rules(Guid nic, string? layer, string? group, int? skip, int? top) => WithPort(nic, port => VfpViews.Rules(port, layer, group, Skip(skip), Top(top)));

    private IResult WithPort<T>(Guid nic, Func<VPort, T> view) =>
        vSwitch.TryGetPort(new NicId(nic)) is { } port ? Answers.Json(view(port)) : Answers.NoPort(nic);

    private IResult WithProgram<T>(Guid nic, Func<PortProgram, T> view) => vSwitch.TryGetPort(new NicId(nic)) switch
    {
        null => Answers.NoPort(nic),
        { Program: { } program } => Answers.Json(view(program)),
        _ => Answers.Error(HttpStatusCode.Conflict, "PortBlocked", $"networkInterface {nic} is plugged in, and no policy for it has come. Does the networkInterfaces resource exist?"),
    };
}
