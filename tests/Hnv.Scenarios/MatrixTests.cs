using System.Text.Json;
using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;
using Hnv.Primitives;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Tenants() : LabFixture(
    "labs/tenants.yaml", new Dictionary<string, long> { ["tenants"] = 50, ["hosts"] = 3, ["machines"] = 4 });

/// <summary>Fifty tenants with the very same addresses on three hosts: who reaches whom, measured against a model.</summary>
public sealed class MatrixTests(Tenants story) : IClassFixture<Tenants>
{
    [Fact]
    public async Task Probe_EveryMachineToEveryAddress_ReachesExactlyWhomPolicySays()
    {
        LabTopology lab = story.Lab.Topology;
        string[] addresses = [.. lab.Machines.Select(machine => machine.Adapters[0].Address.ToString()).Distinct(), "10.1.1.99"];
        string question = JsonSerializer.Serialize(new
        {
            machines = lab.Machines.Select(machine => new
            {
                name = machine.Name,
                @namespace = story.Lab.Names.Namespace(machine.Name),
                address = machine.Adapters[0].Address.ToString(),
            }),
            addresses,
        });

        ToolResult result = await Tool.TryRunAsync("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "probe.py")], question);

        Assert.True(result.ExitCode == 0, result.Error);
        string[] measured = [.. JsonSerializer.Deserialize<string[]>(result.Output)!.Order(StringComparer.Ordinal)];
        string[] modelled = [.. Model(lab).Order(StringComparer.Ordinal)];
        Assert.True(
            measured.SequenceEqual(modelled),
            $"not delivered: {string.Join(' ', modelled.Except(measured).Take(20))}; leaked: {string.Join(' ', measured.Except(modelled).Take(20))}");
        Assert.NotEmpty(modelled);
    }

    /// <summary>
    /// The whole of the policy in a few lines: UDP from A reaches B when both are in one virtual network and B's firewall admits A.
    /// Addresses of other networks do not exist.
    /// </summary>
    private static IEnumerable<string> Model(LabTopology lab) =>
        from sender in lab.Machines
        from receiver in lab.Machines
        let source = sender.Adapters[0]
        let target = receiver.Adapters[0]
        where sender != receiver && source.Subnet.Network == target.Subnet.Network && source.Address != target.Address
        where new[] { target.Acl, target.Subnet.Acl }.OfType<string>().All(acl => Admits(lab.AccessControlLists.Single(a => a.Name == acl), source, target))
        select $"{sender.Name}>{receiver.Name}";

    private static bool Admits(LabAcl acl, LabAdapter source, LabAdapter target) =>
        acl.Rules
            .Where(rule => rule.Direction == Direction.Inbound && rule.Protocol is "UDP" or "All"
                && Covers(rule.Source, source.Address) && Covers(rule.Destination, target.Address))
            .OrderBy(rule => rule.Priority)
            .Select(rule => (bool?)rule.Allows)
            .FirstOrDefault() ?? acl.PermitsInbound;

    private static bool Covers(string prefix, InetAddress address) =>
        prefix == "*" || prefix == address.ToString() || (IpPrefix.TryParse(prefix, out IpPrefix range) && range.Contains(address));
}
