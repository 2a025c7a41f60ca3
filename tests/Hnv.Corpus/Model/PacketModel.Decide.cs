using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Corpus.Model;

/// <content>What the sender's and the receiver's port make of a packet.</content>
public sealed partial class PacketModel
{
    private const byte Tcp = 6;

    /// <summary>Several plans when a load balancer's choice left no trace.</summary>
    private Plan[] Outbound(ModelHost host, ModelPort port, PortPolicy policy, TenantPacket packet, Choice? choice)
    {
        if (Guard(policy, packet) is { } refused)
        {
            return [new Plan { Drop = refused }];
        }

        if (packet.IsLaterPart)
        {
            return [Later(host, port, packet, isOutbound: true)];
        }

        TenantEndpoint? mirror = PortRules.Mirror(policy, packet);
        Conversation? conversation = port.Find(host, policy, packet, isOutbound: true, out bool isRenamed);
        Plan[] plans;
        if (conversation is { IsBlocked: true })
        {
            Meet("conversation no longer wanted");
            plans = [new Plan { Drop = "Acl" }];
        }
        else if (conversation is not null)
        {
            Func<TenantPacket, TenantPacket> edit = isRenamed ? each => conversation.Network!.ApplyTo(each, isOutbound: true) : each => each;
            Meet(isRenamed ? "conversation translated, outbound" : "conversation, outbound");
            plans = [Route(host, port, policy, packet, edit, isTranslated: isRenamed)];
        }
        else if (About(host, port, policy, packet, isOutbound: true, out bool isErrorRenamed) is { } about)
        {
            Func<TenantPacket, TenantPacket> edit = isErrorRenamed ? each => Rename(about, each, isOutbound: true) : each => each;
            Meet(isErrorRenamed ? "error translated, outbound" : "error, outbound");
            plans = [Route(host, port, policy, packet, edit, isTranslated: isErrorRenamed)];
        }
        else
        {
            plans = Begin(host, port, policy, packet, choice);
            conversation = port.Find(Tuple5.Of(packet, isOutbound: true), isOutbound: true, out _);
        }

        if (plans.Length == 1 && plans[0].Answer is null)
        {
            conversation?.Observe(packet, isOutbound: true);
        }

        plans = [.. plans.Select(plan => plan with { Mirror = mirror })];
        if (packet.Part is not null)
        {
            port.Remember(packet, isOutbound: true, host.Generation, Now, plans[0]);
        }

        return plans;
    }

    private Plan Inbound(ModelHost host, ModelPort port, PortPolicy policy, TenantPacket packet)
    {
        if (packet.IsLaterPart)
        {
            return Later(host, port, packet, isOutbound: false);
        }

        Conversation? conversation = port.Find(host, policy, packet, isOutbound: false, out bool isRenamed);
        Plan plan;
        if (conversation is { IsBlocked: true })
        {
            plan = new Plan { Drop = "Acl" };
        }
        else if (conversation is not null)
        {
            Meet(isRenamed ? "conversation translated, inbound" : "conversation, inbound");
            plan = Accept(isRenamed ? each => conversation.Guest.ApplyTo(each, isOutbound: false) : each => each);
        }
        else if (About(host, port, policy, packet, isOutbound: false, out bool isErrorRenamed) is { } about)
        {
            Meet(isErrorRenamed ? "error translated, inbound" : "error, inbound");
            plan = Accept(isErrorRenamed ? each => Rename(about, each, isOutbound: false) : each => each);
        }
        else
        {
            plan = BeginInbound(host, port, policy, packet);
            conversation = port.Find(Tuple5.Of(packet, isOutbound: false), isOutbound: false, out _);
        }

        conversation?.Observe(packet, isOutbound: false);
        if (plan.Copies.Count > 0 && plan.Copies[0].Edit(packet) is { } received && policy.Addresses.Any(own => own.Value == received.Destination))
        {
            // Only what is for the port itself: copies that it gets as an appliance are not copied again.
            plan = plan with { Mirror = PortRules.Mirror(policy, received) };
        }

        if (packet.Part is not null)
        {
            port.Remember(packet, isOutbound: false, host.Generation, Now, plan);
        }

        return plan;
    }

    private static Plan Accept(Func<TenantPacket, TenantPacket> edit) => new() { Copies = [new Copy(edit)] };

    /// <summary>A guest speaks as itself.</summary>
    private static string? Guard(PortPolicy policy, TenantPacket packet)
    {
        bool isOwn = policy.Settings.MacSpoofing
            || policy.Addresses.Any(own => own.Value == packet.Source)
            || policy.AllowedAddresses.Any(prefix => prefix.Contains(packet.Source));
        return !policy.Settings.MacSpoofing && packet.SourceMac != policy.Mac ? "MacGuard"
            : packet.SourceMac.IsMulticast ? "MacGuard"
            : !isOwn || packet.Source.IsMulticast || packet.Source.IsLimitedBroadcast ? packet.IsIPv4 ? "IPv4Guard" : "IPv6Guard"
            : null;
    }

    /// <summary>A later fragment shares the fate of its first one; its own are only TTL and length, and no ICMP error is about it.</summary>
    private Plan Later(ModelHost host, ModelPort port, TenantPacket packet, bool isOutbound)
    {
        if (port.Recall(packet, isOutbound, host.Generation, Now) is not { } plan)
        {
            return new Plan { Drop = "FragmentWithoutFirst" };
        }

        Meet("later fragment");
        string? end = plan.Silence ?? (packet.TimeToLive <= 1 && plan.Copies.Any(copy => copy.IsRouted) ? "TtlExpired" : null);
        return end is null ? plan : new Plan { Drop = end, Mirror = plan.Mirror };
    }

    /// <summary>The conversation that an ICMP error is about: the packet it quotes went the other way.</summary>
    private static Conversation? About(ModelHost host, ModelPort port, PortPolicy policy, TenantPacket packet, bool isOutbound, out bool isRenamed)
    {
        const int quotedTransportMin = 8;
        isRenamed = false;
        if (!packet.IsIcmpError || packet.Part is not null || packet.Quoted is not { } quoted
            || packet.QuotedLength < (quoted.IsIPv4 ? 20 : quoted.Part is null ? 40 : 48) + (quoted.HasPorts || quoted.IsIcmp ? quotedTransportMin : 0))
        {
            return null;
        }

        Conversation? about = port.Find(Tuple5.Of(quoted, !isOutbound), isOutbound, out isRenamed);
        if (about is not null && !ModelPort.Stands(host, policy, about))
        {
            port.Conversations.Remove(about);
            return null;
        }

        return about is { IsBlocked: false } ? about : null;
    }

    /// <summary>An error, and what it quotes, under the other names of the conversation it is about.</summary>
    private static TenantPacket Rename(Conversation about, TenantPacket error, bool isOutbound)
    {
        (Tuple5 from, Tuple5 to) = isOutbound ? (about.Guest, about.Network!) : (about.Network!, about.Guest);
        (InetAddress oldSource, InetAddress newSource, InetAddress oldDestination, InetAddress newDestination) = isOutbound
            ? (from.Local, to.Local, from.Remote, to.Remote)
            : (from.Remote, to.Remote, from.Local, to.Local);
        return error with
        {
            Source = error.Source == oldSource ? newSource : error.Source,
            Destination = error.Destination == oldDestination ? newDestination : error.Destination,
            Quoted = to.ApplyTo(error.Quoted!, !isOutbound),
        };
    }

    private Plan[] Begin(ModelHost host, ModelPort port, PortPolicy policy, TenantPacket packet, Choice? choice)
    {
        if (!PortRules.Admits(host.Policy, policy, packet, isOutbound: true))
        {
            return [new Plan { Drop = "Acl" }];
        }

        NatRule? rule = PortRules.Translation(policy, packet, isOutbound: true);
        switch (rule?.Kind)
        {
            case NatKind.Static or NatKind.Prefix:
                return PortRules.Exchange(packet.Source, rule.Internal[0], rule.External[0], rule.Kind == NatKind.Prefix) is { } exchanged
                    ? [Commit(host, port, policy, packet, each => each with { Source = exchanged }, rule, null)]
                    : [new Plan { Drop = "NatNoState" }];
            case NatKind.LoadBalance:
                // The packet shows which target was chosen; if it ended here, the choice was one of those that end here.
                Plan[] ended = choice is null
                    ? [.. rule.Targets.Select(target => Commit(host, port, policy, packet, Toward(target), rule, null, isTrial: true)).Where(plan => plan.Copies.Count == 0)]
                    : [];
                NatTarget shown = rule.Targets.FirstOrDefault(target => choice is not null && choice.Destination == target.Address
                    && (!packet.HasPorts || choice.DestinationPort == (target.Port == 0 ? packet.DestinationPort : target.Port)), rule.Targets[0]);
                return ended.Length > 0 ? ended : [Commit(host, port, policy, packet, Toward(shown), rule, null)];
            default:
                return [Commit(host, port, policy, packet, each => each, rule, choice)];
        }
    }

    private static Func<TenantPacket, TenantPacket> Toward(NatTarget target) =>
        packet => packet with { Destination = target.Address, DestinationPort = target.Port != 0 && packet.HasPorts ? target.Port : packet.DestinationPort };

    /// <summary>Routes a packet that begins something and, when it goes on, begins its conversation.</summary>
    private Plan Commit(
        ModelHost host, ModelPort port, PortPolicy policy, TenantPacket packet, Func<TenantPacket, TenantPacket> edit, NatRule? rule, Choice? choice, bool isTrial = false)
    {
        Plan plan = Route(host, port, policy, packet, edit, isTranslated: rule is not null);
        bool isGroup = packet.DestinationMac.IsMulticast;
        if (plan.Copies.Count == 0 || isGroup)
        {
            return plan;
        }

        bool usesPool = rule is { Kind: NatKind.Source };
        if (!CanBegin(packet))
        {
            return usesPool ? new Plan { Drop = "NatNoState" } : plan;
        }

        Meet($"begin {rule?.Kind.ToString() ?? "untranslated"}, outbound");
        Tuple5 guest = Tuple5.Of(packet, isOutbound: true)!;
        (InetAddress Address, int Port)? bound = null;
        if (usesPool)
        {
            if (choice is null && port.CollidesInPool(rule!, guest))
            {
                // A port may have been tried that a conversation without the pool goes by.
                return new Plan { Drop = "NatExhausted" };
            }

            bound = Bind(port, rule!, guest, choice);
            if (bound is not { } external)
            {
                return new Plan { Drop = "NatExhausted" };
            }

            Func<TenantPacket, TenantPacket> routed = plan.Copies[0].Edit;
            TenantPacket Bound(TenantPacket each) =>
                routed(each) with { Source = external.Address, SourcePort = HasNumber(each) ? (ushort)external.Port : each.SourcePort };
            plan = plan with { Copies = [plan.Copies[0] with { Edit = Bound }] };
        }

        TenantPacket sent = plan.Copies[0].Edit(packet);
        Tuple5 network = Tuple5.Of(sent, isOutbound: true)!;
        if (port.IsTaken(guest, network))
        {
            return new Plan { Drop = "NatExhausted" };
        }

        if (isTrial)
        {
            return plan;
        }

        port.Add(new Conversation(guest, rule is null ? null : network, isOutbound: true, host.Generation) { Bound = bound });
        bool returns = rule is not null && plan.Copies[0].Local == port;
        if (returns && network.Turned() is { } answering && !port.IsTaken(answering, guest.Turned()))
        {
            Meet("conversation of a port with itself");
            port.Add(new Conversation(answering, guest.Turned(), isOutbound: false, host.Generation)
            {
                IsReturning = true,
                IsBlocked = !PortRules.Admits(host.Policy, policy, answering.Beginning(isOutbound: false), isOutbound: false),
            });
        }

        return plan;
    }

    private Plan BeginInbound(ModelHost host, ModelPort port, PortPolicy policy, TenantPacket packet)
    {
        NatRule? rule = PortRules.Translation(policy, packet, isOutbound: false);
        Func<TenantPacket, TenantPacket> edit = each => each;
        if (rule is { Kind: NatKind.Static or NatKind.Prefix })
        {
            if (PortRules.Exchange(packet.Destination, rule.External[0], rule.Internal[0], rule.Kind == NatKind.Prefix) is not { } exchanged)
            {
                return new Plan { Drop = "NatNoState" };
            }

            edit = each => each with { Destination = exchanged };
        }
        else if (rule is not null)
        {
            edit = Toward(rule.Targets[0]);
        }

        TenantPacket received = edit(packet);
        if (!PortRules.Admits(host.Policy, policy, received, isOutbound: false))
        {
            return new Plan { Drop = "Acl" };
        }

        if (CanBegin(packet))
        {
            Meet($"begin {rule?.Kind.ToString() ?? "untranslated"}, inbound");
            Tuple5 guest = Tuple5.Of(received, isOutbound: false)!, network = Tuple5.Of(packet, isOutbound: false)!;
            if (port.IsTaken(guest, network))
            {
                return new Plan { Drop = "NatExhausted" };
            }

            port.Add(new Conversation(guest, rule is null ? null : network, isOutbound: false, host.Generation));
        }

        return Accept(edit);
    }

    /// <summary>An answer begins nothing.</summary>
    private static bool CanBegin(TenantPacket packet) =>
        packet.IsIcmp ? packet.IsEchoRequest : packet.Protocol != Tcp || (packet.TcpFlags & 0x12) != 0x12;

    private static bool HasNumber(TenantPacket packet) => packet.HasPorts || packet.IsEchoRequest;

    /// <summary>An endpoint of the guest keeps the external port it has; a new one gets the port it asks for if that is free, else any free one.</summary>
    private static (InetAddress Address, int Port)? Bind(ModelPort port, NatRule rule, Tuple5 guest, Choice? choice)
    {
        int first = Math.Max(1, (int)rule.Ports.First), last = rule.Ports.Last;
        (InetAddress Address, int Port)[] held =
        [
            .. port.Conversations.Where(each => each.Bound is not null && each.Guest.Protocol == guest.Protocol).Select(each => each.Bound!.Value),
        ];
        Conversation? same = port.Conversations.LastOrDefault(each => each.Bound is { } bound
            && (each.Guest.Local, each.Guest.LocalPort, each.Guest.Protocol) == (guest.Local, guest.LocalPort, guest.Protocol)
            && rule.External.Any(prefix => prefix.Contains(bound.Address)) && bound.Port >= first && bound.Port <= last);
        if (same is not null)
        {
            return same.Bound;
        }

        bool IsFree(InetAddress address, int number) => !held.Contains((address, number));
        InetAddress[] addresses = [.. rule.External.SelectMany(Addresses)];
        if (choice is { } chosen && addresses.Contains(chosen.Source) && chosen.SourcePort >= first && chosen.SourcePort <= last && IsFree(chosen.Source, chosen.SourcePort))
        {
            bool couldKeep = guest.LocalPort >= first && guest.LocalPort <= last && IsFree(chosen.Source, guest.LocalPort);
            return (chosen.Source, couldKeep ? guest.LocalPort : chosen.SourcePort);
        }

        // Nothing shows a choice: either there was none to make, or the packet never left.
        (InetAddress Address, int Port)? any = addresses.SelectMany(address => Enumerable.Range(first, last - first + 1).Select(number => (address, number)))
            .Where(pair => IsFree(pair.address, pair.number)).Select(pair => ((InetAddress, int)?)pair).FirstOrDefault();
        return any;
    }

    private static IEnumerable<InetAddress> Addresses(IpPrefix prefix)
    {
        ulong count = prefix.LastAddress.Low - prefix.Address.Low + 1;
        for (ulong i = 0; i < count; i++)
        {
            yield return InetAddress.FromNumbers(prefix.Address.High, prefix.Address.Low + i);
        }
    }

    /// <summary>Where a packet goes from its sender's port.</summary>
    private Plan Route(
        ModelHost host, ModelPort port, PortPolicy policy, TenantPacket packet, Func<TenantPacket, TenantPacket> edit, bool isTranslated)
    {
        VirtualNetworkPolicy network = host.NetworkOf(policy.Vsid)!;
        MacAddress router = host.Policy.RouterMac!.Value;
        if (packet.DestinationMac.IsMulticast)
        {
            return Replicate(host, policy, packet);
        }

        CaPaMapping? to;
        bool isRouted = packet.DestinationMac == router;
        if (isRouted)
        {
            TenantPacket translated = edit(packet);
            if (network.DistributedRouter && network.Subnets.Any(subnet => subnet.Prefixes.Any(part => part.Gateway.Value == translated.Destination)))
            {
                return packet.IsEchoRequest && packet.Part is null ? new Plan { Answer = EchoReply(packet) } : new Plan { Drop = "NoDestinationUnicast" };
            }

            if (packet.TimeToLive <= 1)
            {
                return Say(host, policy, packet, (byte)(packet.IsIPv4 ? 11 : 3), 0, 0, "TtlExpired");
            }

            Vsid vsid = default;
            UserRoute? route = network.DistributedRouter ? host.RouteOf(policy.Vsid, translated.Destination, out vsid) : null;
            if (route is null)
            {
                return new Plan { Drop = "NoRoute" };
            }

            if (vsid == default)
            {
                return new Plan { Drop = "RouteDrop" };
            }

            Meet(host.NetworkOf(vsid) == network ? $"route {route.Kind}" : "route to a peer");
            InetAddress hop = route.Kind == UserRouteKind.VirtualAppliance ? route.NextHop!.Value.Value : translated.Destination;
            to = host.Find(vsid, hop);
            Func<TenantPacket, TenantPacket> before = edit;
            edit = each => before(each) with { SourceMac = router, DestinationMac = to!.Mac, TimeToLive = (byte)(each.TimeToLive - 1) };
        }
        else
        {
            to = packet.DestinationMac == policy.Mac ? null : host.Find(policy.Vsid, packet.DestinationMac);
        }

        if (to is null)
        {
            return new Plan { Drop = "NoDestinationUnicast" };
        }

        if (to.Mac == policy.Mac && to.Customer.Vsid == policy.Vsid)
        {
            // What a translation led back to the sender comes from the address it was sent to.
            Func<TenantPacket, TenantPacket> there = edit;
            bool comesFromItself = isTranslated && there(packet).Source == packet.Source;
            return new Plan { Copies = [new Copy(comesFromItself ? each => there(each) with { Source = packet.Destination } : there, Local: port, IsRouted: true)] };
        }

        if (host.Owns(to.Provider))
        {
            return host.PortAt(to.Customer.Vsid, to.Mac) is { } local
                ? new Plan { Copies = [new Copy(edit, Local: local, IsRouted: isRouted)] }
                : new Plan { Drop = "DestinationPortNotReady" };
        }

        if (host.SourcesOf(policy, to.Provider.Value.IsIPv4).Length == 0)
        {
            return new Plan { Drop = "NoProviderAddress" };
        }

        int max = MaxLength(host, to);
        bool isTooBig = max > 0 && packet.NetworkLength > max && (packet.DontFragment || !packet.IsIPv4);
        return isTooBig
            ? Say(host, policy, packet, (byte)(packet.IsIPv4 ? 3 : 2), (byte)(packet.IsIPv4 ? 4 : 0), (uint)max, "MtuExceeded")
            : new Plan { Copies = [new Copy(edit, Remote: to, IsRouted: isRouted)] };
    }

    /// <summary>One copy for each other member of the subnet, with its MAC and its address (R37).</summary>
    private Plan Replicate(ModelHost host, PortPolicy policy, TenantPacket packet)
    {
        Meet("group address");
        List<Copy> copies = [];
        foreach (CaPaMapping member in host.Members(policy.Vsid, packet.IsIPv4).Where(member => member.Mac != policy.Mac))
        {
            TenantPacket Edit(TenantPacket each) => each with { DestinationMac = member.Mac, Destination = member.Customer.Address.Value };
            if (!host.Owns(member.Provider))
            {
                if (host.SourcesOf(policy, member.Provider.Value.IsIPv4).Length > 0)
                {
                    copies.Add(new Copy(Edit, Remote: member));
                }
            }
            else if (host.PortAt(policy.Vsid, member.Mac) is { } local)
            {
                copies.Add(new Copy(Edit, Local: local));
            }
        }

        return copies.Count == 0 ? new Plan { Drop = "NoDestinationsBroadcast" } : new Plan { Copies = copies };
    }

    private static byte[] EchoReply(TenantPacket packet) => (packet with
    {
        SourceMac = packet.DestinationMac,
        DestinationMac = packet.SourceMac,
        Source = packet.Destination,
        Destination = packet.Source,
        TimeToLive = 64,
        IcmpType = (byte)(packet.IsIPv4 ? 0 : 129),
    }).Frame();

    /// <summary>An ICMP error of the router, unless none may be sent (RFC 1122 §3.2.2) or there is no address to send it from.</summary>
    private static Plan Say(ModelHost host, PortPolicy policy, TenantPacket packet, byte type, byte code, uint rest, string silence)
    {
        bool maySay = !packet.IsLaterPart && !packet.IsIcmpError && !packet.Destination.IsMulticast && !packet.Destination.IsLimitedBroadcast
            && !packet.Source.IsUnspecified;
        VirtualNetworkPolicy network = host.NetworkOf(policy.Vsid)!;
        MacAddress router = host.Policy.RouterMac!.Value;
        InetAddress? from = host.SubnetOf(policy.Vsid).GatewayOf(packet.IsIPv4)?.Value ?? (packet.IsIPv4 ? null : InetAddress.LinkLocalOf(router));
        if (!maySay || !network.DistributedRouter || from is not { } source)
        {
            return new Plan { Drop = silence };
        }

        int max = packet.IsIPv4 ? 576 - 28 : 1280 - 48;
        byte[] quoted = packet.Network();
        return new Plan
        {
            Silence = silence,
            Answer = new TenantPacket
            {
                SourceMac = router,
                DestinationMac = packet.SourceMac,
                Source = source,
                Destination = packet.Source,
                Protocol = (byte)(packet.IsIPv4 ? 1 : 58),
                IcmpType = type,
                IcmpCode = code,
                IcmpRest = rest,
                TrafficClass = 0xC0,
                Payload = quoted[..Math.Min(quoted.Length, max)],
            }.Frame(),
        };
    }
}
