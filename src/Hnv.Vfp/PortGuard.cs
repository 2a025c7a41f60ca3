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
    private const ushort DhcpServerPort = 67;
    private const ushort DhcpClientPort = 68;
    private const ushort DhcpV6ServerPort = 547;

    /// <summary>Checks a packet the VM sent.</summary>
    public static GuardResult Outbound(PortProgram program, in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
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
            EtherTypes.IPv4 or EtherTypes.IPv6 => OutboundIP(program, in packet, frame),
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

    private static GuardResult OutboundIP(PortProgram program, in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        if (IcmpFlows.IsNeighbourDiscovery(in packet.Ufid))
        {
            return AddressResolution.CheckNeighbourDiscovery(program, in packet, frame);
        }

        InetAddress source = packet.Ufid.Source;
        if (!program.Guards.MaySpoof && !Owns(program, source) && !MayUse(program, source) && !IsDhcpRequest(in packet.Ufid))
        {
            return GuardResult.Drop(packet.EtherType == EtherTypes.IPv4 ? DropReason.IPv4Guard : DropReason.IPv6Guard);
        }

        if (source.IsMulticast || source.IsLimitedBroadcast)
        {
            return GuardResult.Drop(packet.EtherType == EtherTypes.IPv4 ? DropReason.IPv4Guard : DropReason.IPv6Guard);
        }

        return program.Guards.DhcpGuard && IsDhcpServer(in packet.Ufid) ? GuardResult.Drop(DropReason.DhcpGuard) : GuardResult.Pass;
    }

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
        && flow.SourcePort == DhcpClientPort && flow.DestinationPort == DhcpServerPort;

    private static bool IsDhcpServer(in Ufid flow) =>
        flow.Protocol == IPProtocols.Udp && flow.SourcePort == (flow.EtherType == EtherTypes.IPv4 ? DhcpServerPort : DhcpV6ServerPort);
}
