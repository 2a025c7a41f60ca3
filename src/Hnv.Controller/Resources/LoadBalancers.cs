using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary>
/// <c>loadBalancers</c> and <c>backendAddressPools</c> (7.5). Which ipConfiguration is in which pool is written on the ipConfiguration; a PUT
/// of the load balancer through v7 with <c>updateBackendAddressPools</c> writes it there.
/// </summary>
internal static class LoadBalancers
{
    public const string Name = "loadBalancers";
    public const string Pools = "backendAddressPools";
    public const string PoolPath = "loadBalancers/backendAddressPools";

    /// <summary>The property of an ipConfiguration that names its pools.</summary>
    public const string PoolsProperty = "loadBalancerBackendAddressPools";

    /// <summary>The property of an ipConfiguration that names its NAT rules.</summary>
    public const string NatRulesProperty = "loadBalancerInboundNatRules";

    private const string UpdatePools = "updateBackendAddressPools";
    private const string Members = "backendIPConfigurations";
    private static readonly ApiVersion s_v7 = new(7);

    public static ResourceType Create() => new(Name)
    {
        Asynchronous = true,
        Validate = Validate,
        WritesTo = Memberships,
        Properties = new(
        [
            new(UpdatePools, new BooleanSchema()) { Since = s_v7, TooNewCode = "UpdateBackendAddressPoolsNotAllowed", Default = false },
        ]),
        Children =
        [
            LoadBalancerFrontends.Create(),
            new ResourceType(Pools)
            {
                Asynchronous = true,
                InUseCode = "InUseBackendAddressPoolCannotBeDeleted",
                Validate = ValidatePool,
                Properties = new(
                [
                    new(Members, new ListSchema(new ReferenceSchema(NetworkInterfaces.IpConfigurationPath)))
                    {
                        Filled = true,
                        HeldElsewhereUnless = UpdatePools,
                        Compute = (pool, view) => view.BackReferences(pool, PoolsProperty, NetworkInterfaces.IpConfigurationPath) ?? [],
                    },
                    Common.BackReference(LoadBalancerRules.Balancing, LoadBalancerRules.BalancingPath),
                    Common.BackReference(LoadBalancerRules.OutboundNat, LoadBalancerRules.OutboundNatPath),
                ]),
            },
            LoadBalancerRules.CreateProbes(),
            LoadBalancerRules.CreateInboundNat(),
            LoadBalancerRules.CreateOutboundNat(),
            LoadBalancerRules.CreateBalancing(),
        ],
    };

    /// <summary>Checks what an ipConfiguration says about load balancers.</summary>
    /// <param name="configuration">The ipConfiguration.</param>
    /// <param name="subnet">Where it is.</param>
    public static void ValidateMember(RuleContext configuration, Node subnet)
    {
        string network = NetworkOf(subnet);
        Node[] pools = [.. configuration.Node.References(PoolsProperty).Select(configuration.Find).OfType<Node>()];
        foreach (Node pool in pools)
        {
            // Those who are there already are of one network.
            if (MembersOf(pool, configuration.Before).FirstOrDefault(m => m.Key != configuration.Node.Key) is { } other)
            {
                CheckSameNetwork(configuration, PoolsProperty, network, pool, other, configuration.Find);
            }

            CheckFrontends(configuration, PoolsProperty, network, pool, configuration.Find(RootOf(pool.Ref))!);
        }

        CheckMixture(configuration, PoolsProperty, configuration.Node.Ref, pools.SelectMany(pool => RulesOf(pool, configuration.Find(RootOf(pool.Ref))!)));
        foreach (Node rule in configuration.Node.References(NatRulesProperty).Select(configuration.Find).OfType<Node>())
        {
            if (configuration.Before.HoldersOf(rule).FirstOrDefault(h => Node.KeyOf(h.Ref) != configuration.Node.Key && h.Property == NatRulesProperty) is { Ref: { } other })
            {
                configuration.Fail("InboundNatRuleInUse", NatRulesProperty, $"names {rule.Ref}, which leads to {other} already. One NAT rule leads to one address.");
            }
        }
    }

    /// <summary>The load balancing rules of a tree that spread over a pool.</summary>
    private static IEnumerable<Node> RulesOf(Node pool, Node balancer) =>
        balancer.ChildrenOf(LoadBalancerRules.Balancing).Where(rule => rule.Reference(LoadBalancerRules.Pool) is { } used && Node.KeyOf(used) == pool.Key);

    private static IEnumerable<Node> MembersOf(Node pool, Snapshot snapshot) =>
        snapshot.HoldersOf(pool).Where(h => h.Property == PoolsProperty).Select(h => snapshot.Find(h.Ref)).OfType<Node>();

    private static string RootOf(string reference) => string.Join('/', reference.Split('/').Take(3));

    private static string NetworkOf(Node subnet) => Node.KeyOf(RootOf(subnet.Ref));

    private static void Validate(RuleContext balancer)
    {
        if (balancer.Before.Find(LoadBalancerManager.Ref) is null)
        {
            balancer.Fail("LbManagerResourceNotConfigured", "", $"cannot be put before {LoadBalancerManager.Ref}, which says where VIPs come from. PUT that first.");
        }

        Node[] frontends = [.. balancer.Node.ChildrenOf(LoadBalancerFrontends.Name)];
        if (frontends.Length == 0)
        {
            balancer.Fail(ErrorCodes.RequiredParamMissing, LoadBalancerFrontends.Name, "is missing. A load balancer has at least one front end.");
        }

        if (frontends.Select(LoadBalancerFrontends.IsInternal).Distinct().Count() > 1)
        {
            balancer.Fail("LoadBalancerHasBothPublicAndInternalFrontends", LoadBalancerFrontends.Name, "come from logical and from virtual networks. Use one load balancer for each kind.");
        }

        LoadBalancerRules.ValidateTogether(balancer);
        foreach (Node pool in balancer.Node.ChildrenOf(Pools))
        {
            foreach (Node member in MembersOf(pool, balancer.Before))
            {
                CheckMember(balancer, pool, member);
            }
        }
    }

    private static void ValidatePool(RuleContext pool)
    {
        if (pool.Node.Properties[Members] is not JsonArray || pool.Version.CompareTo(s_v7) < 0 || (bool?)pool.Root.Properties[UpdatePools] != true)
        {
            pool.Node.Properties.Remove(Members);
            return;
        }

        var members = new List<Node>();
        foreach (string reference in pool.Node.References(Members))
        {
            if (pool.Before.Find(reference) is { Type.Path: NetworkInterfaces.IpConfigurationPath } member)
            {
                members.Add(member);
                CheckMember(pool, pool.Node, member);
            }
            else
            {
                pool.Fail(ErrorCodes.InvalidResourceReference, Members, $"names {reference}, which is no ipConfiguration. Create the interface first.");
            }
        }

        foreach (Node other in members.Skip(1))
        {
            if (pool.Find(members[0].Reference(IpConfigurations.Subnet)) is { } subnet)
            {
                CheckSameNetwork(pool, Members, NetworkOf(subnet), pool.Node, other, pool.Find);
            }
        }
    }

    private static void CheckMember(RuleContext context, Node pool, Node member)
    {
        if (context.Find(member.Reference(IpConfigurations.Subnet)) is { } subnet)
        {
            CheckFrontends(context, Pools, NetworkOf(subnet), pool, context.Root);
        }

        IEnumerable<Node> others = member.References(PoolsProperty).Select(context.Find).OfType<Node>().Where(p => p.Key != pool.Key);
        CheckMixture(context, Pools, member.Ref, others.Append(pool).SelectMany(p => RulesOf(p, context.Find(RootOf(p.Ref))!)));
    }

    private static void CheckSameNetwork(RuleContext context, string property, string network, Node pool, Node other, Func<string?, Node?> find)
    {
        if (find(other.Reference(IpConfigurations.Subnet)) is { } theirs && NetworkOf(theirs) != network)
        {
            context.Fail("BackendIPConfigurationsDontUseSameVnet", property, $"puts {network} and {theirs.Ref} (by {other.Ref}) together into {pool.Ref}. All addresses of a pool are of one network.");
        }
    }

    private static void CheckFrontends(RuleContext context, string property, string network, Node pool, Node balancer)
    {
        foreach (Node frontend in RulesOf(pool, balancer).SelectMany(rule => rule.References(LoadBalancerFrontends.Name))
            .Select(context.Find).OfType<Node>().Where(LoadBalancerFrontends.IsInternal).DistinctBy(f => f.Key))
        {
            if (Node.KeyOf(RootOf(frontend.Reference(IpConfigurations.Subnet)!)) != network)
            {
                context.Fail("FrontendIPConfigAndBackendIPConfigsAreInDifferentVnets", property, $"leads from {frontend.Ref} in {RootOf(frontend.Reference(IpConfigurations.Subnet)!)} to an address in {network}. Internal balancing stays in one virtual network.");
            }
        }
    }

    private static void CheckMixture(RuleContext context, string property, string member, IEnumerable<Node> rules)
    {
        Node[] all = [.. rules.DistinctBy(r => r.Key)];
        Node? anyPort = all.FirstOrDefault(LoadBalancerRules.IsAnyPort);
        if (anyPort is null || all.Length < 2)
        {
            return;
        }

        if (!LoadBalancerRules.IsFloating(anyPort))
        {
            context.Fail("IpConfigCannotHaveOtherLbRulesWithNonFloatingIpAnyPortRule", property, $"gives {member} {anyPort.Ref}, which takes all ports, beside {all.First(r => r != anyPort).Ref}. Such a rule is the only one of its addresses, unless enableFloatingIP is true.");
        }
        else if (all.FirstOrDefault(r => !LoadBalancerRules.IsFloating(r)) is { } other)
        {
            context.Fail("IpConfigCannotHaveFloatingIpAnyPortLbRulesWithNonFloatingIpRules", property, $"gives {member} {anyPort.Ref}, which takes all ports with a floating address, beside {other.Ref} without. Use enableFloatingIP on both or on none.");
        }
    }

    // What the PUT asked for is carried over to the ipConfigurations and not kept here: there is one truth about who is in a pool.
    private static IEnumerable<(Node Tree, Action<Node> Edit)> Memberships(Node balancer, Snapshot snapshot)
    {
        var edits = new Dictionary<string, List<Action<Node>>>();
        foreach (Node pool in balancer.ChildrenOf(Pools))
        {
            if (pool.Properties[Members] is not JsonArray)
            {
                continue;
            }

            HashSet<string> asked = [.. pool.References(Members).Select(Node.KeyOf)];
            HashSet<string> present = [.. MembersOf(pool, snapshot).Select(m => m.Key)];
            foreach (string key in asked.Except(present))
            {
                Edit(key, configuration => Add(configuration, pool));
            }

            foreach (string key in present.Except(asked))
            {
                Edit(key, configuration => Remove(configuration, pool));
            }

            pool.Properties.Remove(Members);
        }

        return edits.Select(e => (snapshot.Find(e.Key)!, (Action<Node>)(root => e.Value.ForEach(edit => edit(root)))));

        void Edit(string key, Action<Node> change)
        {
            string root = RootOf(key);
            if (!edits.TryGetValue(root, out List<Action<Node>>? list))
            {
                edits[root] = list = [];
            }

            list.Add(tree => change(tree.SelfAndDescendants().First(n => n.Key == key)));
        }
    }

    private static void Add(Node configuration, Node pool)
    {
        if (configuration.Properties[PoolsProperty] is not JsonArray pools)
        {
            configuration.Properties[PoolsProperty] = pools = [];
        }

        pools.Add(new JsonObject { [ReferenceSchema.Member] = pool.Ref });
    }

    private static void Remove(Node configuration, Node pool) =>
        configuration.Properties[PoolsProperty] = new JsonArray(
            [.. configuration.References(PoolsProperty).Where(r => Node.KeyOf(r) != pool.Key).Select(r => new JsonObject { [ReferenceSchema.Member] = r })]);
}
