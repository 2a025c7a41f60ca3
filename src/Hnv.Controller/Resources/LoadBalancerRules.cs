using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Resources;

/// <summary><c>loadBalancingRules</c>, <c>inboundNatRules</c>, <c>outboundNatRules</c> and <c>probes</c> of a load balancer (7.5).</summary>
internal static class LoadBalancerRules
{
    public const string Balancing = "loadBalancingRules";
    public const string BalancingPath = "loadBalancers/loadBalancingRules";
    public const string InboundNat = "inboundNatRules";
    public const string InboundNatPath = "loadBalancers/inboundNatRules";
    public const string OutboundNat = "outboundNatRules";
    public const string OutboundNatPath = "loadBalancers/outboundNatRules";

    /// <summary>The property of a rule that names its pool.</summary>
    public const string Pool = "backendAddressPool";

    private const string Probes = "probes";
    private const string Protocol = "protocol";
    private const string FrontendPort = "frontendPort";
    private const string BackendPort = "backendPort";
    private const string FloatingIP = "enableFloatingIP";
    private const string IdleTimeout = "idleTimeoutInMinutes";
    private const string RequestPath = "requestPath";
    private const string PortOutOfRange = "PortValueIsOutOfRange";
    private const string NoFrontend = "FrontendIpConfigReferenceNotProvided";
    private const string NoPool = "BackendPoolReferenceNotProvided";
    private const string AnyProtocol = "All";
    private const int IdleTimeoutMin = 4;
    private const int IdleTimeoutMax = 30;
    private static readonly ApiVersion s_v3_2 = new(3, 2);

    public static ResourceType CreateBalancing() => new(Balancing)
    {
        Asynchronous = true,
        Validate = ValidateInbound,
        Properties = new(
        [
            .. Inbound(),
            new(Pool, new ReferenceSchema(LoadBalancers.PoolPath)) { Required = true, RequiredCode = NoPool },
            new("probe", new ReferenceSchema($"{LoadBalancers.Name}/{Probes}")),
            new("loadDistribution", new EnumSchema("Default", "SourceIP", "SourceIPProtocol")) { Default = "Default" },
        ]),
    };

    public static ResourceType CreateInboundNat() => new(InboundNat)
    {
        Asynchronous = true,
        Validate = ValidateInbound,
        Properties = new([.. Inbound(), Common.SingleBackReference("backendIPConfiguration", NetworkInterfaces.IpConfigurationPath)]),
    };

    public static ResourceType CreateOutboundNat() => new(OutboundNat)
    {
        Asynchronous = true,
        Validate = ValidateFrontends,
        Properties = new(
        [
            Frontends(),
            new(Pool, new ReferenceSchema(LoadBalancers.PoolPath)) { Required = true, RequiredCode = NoPool },
            new(Protocol, new EnumSchema("Tcp", "Udp", "GRE", "ESP", AnyProtocol)) { Required = true, InvalidCode = "InvalidOutboundNatProtocolType" },
            TcpReset(),
            new(IdleTimeout, new IntegerSchema(IdleTimeoutMin, IdleTimeoutMax))
            {
                Since = new(4, 2),
                Until = ApiVersion.V6,
                TooNewCode = "OutboundIdleTimeoutImmutableIfLessThanV4_2",
                InvalidCode = "RuleIdleTimeoutIsOutOfRange",
            },
        ]),
    };

    public static ResourceType CreateProbes() => new(Probes)
    {
        Asynchronous = true,
        InUseCode = "InUseProbeCannotBeDeleted",
        Validate = ValidateProbe,
        Properties = new(
        [
            new(Protocol, new EnumSchema("Tcp", "Http")) { Required = true, InvalidCode = "InvalidProtocolForProbe" },
            new("port", new IntegerSchema(1, ushort.MaxValue)) { Required = true, InvalidCode = PortOutOfRange },
            new(RequestPath, new TextSchema()),
            new("intervalInSeconds", new IntegerSchema(5, 2_147_483_646)) { Default = 15L, InvalidCode = "ProbeIntervalIsOutOfRange" },

            // Text and samples disagree on what the number is and where it begins (contradiction 14).
            new("numberOfProbes", new IntegerSchema(1, int.MaxValue)) { Default = 31L, InvalidCode = "NumberOfProbesIsOutOfRange" },
            Common.BackReference(Balancing, BalancingPath),
        ]),
    };

    /// <summary>True for a rule that takes every protocol and port of its front ends.</summary>
    public static bool IsAnyPort(Node rule) => rule.Text(Protocol) == AnyProtocol;

    /// <summary>True when machines see the VIP itself.</summary>
    public static bool IsFloating(Node rule) => (bool?)rule.Properties[FloatingIP] == true;

    /// <summary>Checks the rules of a load balancer against each other.</summary>
    public static void ValidateTogether(RuleContext balancer)
    {
        Node[] inbound = [.. balancer.Node.ChildrenOf(Balancing), .. balancer.Node.ChildrenOf(InboundNat)];
        Node[] outbound = [.. balancer.Node.ChildrenOf(OutboundNat)];
        foreach (IGrouping<string, Node> twins in inbound.Concat(outbound).GroupBy(r => r.Id.ToLowerInvariant()).Where(g => g.Count() > 1))
        {
            balancer.Fail("RuleNameDuplicate", "", $"names {string.Join(" and ", twins.Select(t => t.Ref))} alike. Rules of all kinds have names of their own.");
        }

        CheckFrontends(balancer, inbound, outbound);
        foreach (IGrouping<(string Pool, string? Protocol, long? Port), Node> twins in inbound
            .Where(rule => rule.Reference(Pool) is not null && !IsFloating(rule))
            .GroupBy(rule => (Node.KeyOf(rule.Reference(Pool)!), rule.Text(Protocol), (long?)rule.Properties[BackendPort]))
            .Where(g => g.Count() > 1))
        {
            balancer.Fail("RulesUseSameBackendPort", BackendPort, $"{twins.Key.Port} of {twins.Key.Pool} is used by {string.Join(" and ", twins.Take(2).Select(t => t.Ref))}. Use other ports, another pool or enableFloatingIP.");
        }
    }

    private static Property Frontends() =>
        new(LoadBalancerFrontends.Name, new ListSchema(new ReferenceSchema(LoadBalancerFrontends.Path), countMax: 64)) { Required = true, RequiredCode = NoFrontend };

    private static Property TcpReset() => new("enableTcpReset", new BooleanSchema()) { Since = s_v3_2, Default = false };

    private static Property[] Inbound() =>
    [
        Frontends(),
        new(Protocol, new EnumSchema("Tcp", "Udp", "GRE", "ESP", AnyProtocol)) { Required = true },
        new(FrontendPort, new IntegerSchema(0, ushort.MaxValue)) { InvalidCode = PortOutOfRange },
        new(BackendPort, new IntegerSchema(0, ushort.MaxValue)) { InvalidCode = PortOutOfRange },
        new(IdleTimeout, new IntegerSchema(IdleTimeoutMin, IdleTimeoutMax)) { Default = (long)IdleTimeoutMin, InvalidCode = "RuleIdleTimeoutIsOutOfRange" },
        new(FloatingIP, new BooleanSchema()) { Default = false, Immutable = true },
        TcpReset(),
    ];

    private static void ValidateFrontends(RuleContext rule)
    {
        if (rule.Node.Properties[LoadBalancerFrontends.Name] is System.Text.Json.Nodes.JsonArray { Count: 0 })
        {
            rule.Fail(NoFrontend, LoadBalancerFrontends.Name, "is empty. Name a front end of this load balancer.");
        }

        string own = $"{rule.Root.Key}/";
        foreach (string reference in rule.Node.References(LoadBalancerFrontends.Name).Concat(new[] { rule.Node.Reference(Pool), rule.Node.Reference("probe") }.OfType<string>()))
        {
            if (!Node.KeyOf(reference).StartsWith(own, StringComparison.Ordinal))
            {
                rule.Fail(ErrorCodes.InvalidResourceReference, LoadBalancerFrontends.Name, $"and what else the rule names lie in {rule.Root.Ref}, and {reference} does not.");
            }
        }
    }

    private static void ValidateInbound(RuleContext rule)
    {
        ValidateFrontends(rule);
        if (rule.Node.Text(Protocol) is not { } protocol)
        {
            return;
        }

        bool hasPorts = protocol is "Tcp" or "Udp";
        long? frontend = (long?)rule.Node.Properties[FrontendPort] ?? (hasPorts ? null : 0);
        if (frontend is null)
        {
            // A port that did not read has been complained about already.
            if (!rule.Errors.Any)
            {
                rule.Fail(ErrorCodes.RequiredParamMissing, FrontendPort, $"is missing. A rule for {protocol} has one; 0 goes with protocol {AnyProtocol}.");
            }

            return;
        }

        long backend = (long?)rule.Node.Properties[BackendPort] ?? frontend.Value;
        rule.Node.Properties[FrontendPort] = frontend;
        rule.Node.Properties[BackendPort] = backend;
        if (hasPorts ? frontend == 0 || backend == 0 : protocol == AnyProtocol && (frontend != 0 || backend != 0))
        {
            rule.Fail("InvalidAnyPortAnyProtocolInboundRule", FrontendPort, $"{frontend}, {BackendPort} {backend} and {Protocol} {protocol} do not go together. All ports is 0, 0 and {AnyProtocol}.");
        }

        if (IsFloating(rule.Node) && frontend != backend)
        {
            rule.Fail("BackendAndFrontendPortsAreDifferent", BackendPort, $"{backend} differs from {FrontendPort} {frontend}. With {FloatingIP} they are the same.");
        }
    }

    private static void ValidateProbe(RuleContext probe)
    {
        bool hasPath = !string.IsNullOrEmpty(probe.Node.Text(RequestPath));
        switch (probe.Node.Text(Protocol))
        {
            case "Tcp" when hasPath:
                probe.Fail("ProbeRequestPathIsNotNull", RequestPath, "belongs to an Http probe. Leave it out.");
                break;
            case "Http" when !hasPath:
                probe.Fail("ProbeRequestPathIsRequired", RequestPath, "is missing. An Http probe asks for a path, for example /health.");
                break;
        }
    }

    private static void CheckFrontends(RuleContext balancer, Node[] inbound, Node[] outbound)
    {
        ILookup<string, Node> nats = ByFrontend(outbound);
        foreach (IGrouping<string, Node> rules in ByFrontend(inbound))
        {
            if (rules.FirstOrDefault(IsAnyPort) is { } anyPort)
            {
                if (rules.FirstOrDefault(rule => rule != anyPort) is { } beside)
                {
                    balancer.Fail("AnyPortProtocolNotAllowedWithOtherInboundRules", "", $"has {anyPort.Ref}, which takes all ports, and {beside.Ref} on one front end. Such a rule is the only one of its front end.");
                }

                if (nats[rules.Key].FirstOrDefault() is { } nat)
                {
                    balancer.Fail("AnyPortProtocolNotAllowedWithOtherOutboundNatRules", "", $"has {anyPort.Ref}, which takes all ports, and {nat.Ref} on one front end. Use another front end for outbound NAT.");
                }
            }

            foreach (IGrouping<(string? Protocol, long? Port), Node> twins in rules.Where(rule => !IsAnyPort(rule))
                .GroupBy(rule => (rule.Text(Protocol), (long?)rule.Properties[FrontendPort])).Where(g => g.Count() > 1))
            {
                balancer.Fail("RulesUseSameFrontendPort", FrontendPort, $"{twins.Key.Port} is used by {string.Join(" and ", twins.Take(2).Select(t => t.Ref))} on one front end.");
            }
        }
    }

    private static ILookup<string, Node> ByFrontend(Node[] rules) => rules
        .SelectMany(rule => rule.References(LoadBalancerFrontends.Name).Select(Node.KeyOf).Distinct().Select(frontend => (Frontend: frontend, Rule: rule)))
        .ToLookup(pair => pair.Frontend, pair => pair.Rule);
}
