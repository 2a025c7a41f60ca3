using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>What a guard says of a packet: go on to the layers, answer, or drop.</summary>
internal readonly record struct GuardResult(Verdict Verdict, DropReason Reason, AnswerKind Answer = AnswerKind.None)
{
    public static GuardResult Pass { get; } = new(Verdict.Forward, default);

    public static GuardResult Say(AnswerKind answer) => new(Verdict.Hairpin, default, answer);

    public static GuardResult Drop(DropReason reason) => new(Verdict.Drop, reason);
}

/// <summary>
/// What is checked before any layer is asked: a guest sends as itself and as nobody else, and questions about addresses never leave the host.
/// </summary>
internal static class PortGuard
{
    /// <summary>Checks a packet the VM sent.</summary>
    public static GuardResult Outbound(InstalledProgram installed, in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        PortProgram program = installed.Program;
        if (packet.IsTagged)
        {
            return GuardResult.Drop(DropReason.VlanTagged);
        }

        if (!program.Guards.MaySpoof && packet.Ufid.SourceMac != program.Mac)
        {
            return GuardResult.Drop(DropReason.MacGuard);
        }

        if (packet.Ufid.SourceMac.IsMulticast)
        {
            return GuardResult.Drop(DropReason.MacGuard);
        }

        if (!program.IsVirtualized)
        {
            return program.Guards.DhcpGuard && packet.IsIP && IsDhcpServer(in packet.Ufid) ? GuardResult.Drop(DropReason.DhcpGuard) : GuardResult.Pass;
        }

        return packet.EtherType switch
        {
            EtherTypes.Arp => AddressResolution.CheckArp(program, in packet, frame),
            EtherTypes.IPv4 or EtherTypes.IPv6 => OutboundIP(installed, in packet, frame),
            _ => GuardResult.Drop(DropReason.NonIPBlocked),
        };
    }

    /// <summary>Checks a packet on its way to the VM.</summary>
    public static GuardResult Inbound(PortProgram program, in ParsedPacket packet)
    {
        if (packet.IsTagged)
        {
            return GuardResult.Drop(DropReason.VlanTagged);
        }

        if (!program.IsVirtualized)
        {
            return GuardResult.Pass;
        }

        if (packet.EtherType == EtherTypes.Arp || IcmpFlows.IsNeighbourDiscovery(in packet.Ufid))
        {
            return GuardResult.Drop(DropReason.AddressResolutionFromUnderlay);
        }

        return packet.IsIP ? GuardResult.Pass : GuardResult.Drop(DropReason.NonIPBlocked);
    }

    private static GuardResult OutboundIP(InstalledProgram installed, in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        PortProgram program = installed.Program;
        if (IcmpFlows.IsNeighbourDiscovery(in packet.Ufid))
        {
            return AddressResolution.CheckNeighbourDiscovery(installed, in packet, frame);
        }

        if (program.Guards.DhcpGuard && IsDhcpServer(in packet.Ufid))
        {
            return GuardResult.Drop(DropReason.DhcpGuard);
        }

        // Before the source is looked at: a guest whose address policy has changed still asks from its old one, and has to hear no.
        if (installed.Dhcp is { } dhcp && dhcp.IsAddressed(in packet.Ufid))
        {
            return dhcp.Check(in packet, frame);
        }

        InetAddress source = packet.Ufid.Source;
        if (!program.Guards.MaySpoof && !MaySendAs(program, source) && !IsDhcpRequest(in packet.Ufid) && !IsOfTheLink(program, in packet.Ufid))
        {
            return GuardResult.Drop(packet.EtherType == EtherTypes.IPv4 ? DropReason.IPv4Guard : DropReason.IPv6Guard);
        }

        if (source.IsMulticast || source.IsLimitedBroadcast)
        {
            return GuardResult.Drop(packet.EtherType == EtherTypes.IPv4 ? DropReason.IPv4Guard : DropReason.IPv6Guard);
        }

        return GuardResult.Pass;
    }

    /// <summary>True for the port's own addresses and those that policy lets it use beside them.</summary>
    public static bool MaySendAs(PortProgram program, InetAddress address) => Owns(program, address) || MayUse(program, address);

    public static bool Owns(PortProgram program, InetAddress address)
    {
        foreach (CustomerAddress own in program.Addresses)
        {
            if (own.Value == address)
            {
                return true;
            }
        }

        return false;
    }

    private static bool MayUse(PortProgram program, InetAddress address)
    {
        foreach (IpPrefix prefix in program.AllowedAddresses)
        {
            if (prefix.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A guest that has no address yet may ask for one (RFC 2131 §4.1).</summary>
    private static bool IsDhcpRequest(in Ufid flow) =>
        flow.EtherType == EtherTypes.IPv4 && flow.Protocol == IPProtocols.Udp && flow.Fragment == FragmentClass.Whole
        && flow.Source.IsUnspecified && flow.Destination.IsLimitedBroadcast
        && flow.SourcePort == DhcpV4Message.ClientPort && flow.DestinationPort == DhcpV4Message.ServerPort;

    /// <summary>
    /// What is said with a link-local source beside neighbour discovery: DHCPv6, and packets to the router itself. No link-local packet reaches
    /// another guest otherwise, for no mapping says whose that address is.
    /// </summary>
    private static bool IsOfTheLink(PortProgram program, in Ufid flow)
    {
        if (flow.EtherType != EtherTypes.IPv6 || !flow.Source.IsLinkLocal)
        {
            return false;
        }

        bool isToRouter = program.Router is { } router && flow.DestinationMac == router.Mac && router.Is(flow.Destination);
        return isToRouter
            || (flow.Protocol == IPProtocols.Udp && flow.Fragment == FragmentClass.Whole
                && (flow.SourcePort, flow.DestinationPort) is (DhcpV6Message.ClientPort, DhcpV6Message.ServerPort) or (DhcpV6Message.ServerPort, DhcpV6Message.ClientPort));
    }

    /// <summary>By either port: clients take what comes to theirs, whatever port it is from.</summary>
    private static bool IsDhcpServer(in Ufid flow) =>
        flow.Protocol == IPProtocols.Udp
        && (flow.EtherType == EtherTypes.IPv4
            ? flow.SourcePort == DhcpV4Message.ServerPort || flow.DestinationPort == DhcpV4Message.ClientPort
            : flow.SourcePort == DhcpV6Message.ServerPort || flow.DestinationPort == DhcpV6Message.ClientPort);
}
