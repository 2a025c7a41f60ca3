using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// ARP and neighbour discovery of a guest, answered from policy and never forwarded (R39-R43): the router's address and mapped addresses of the
/// guest's own virtual subnet get an answer, everything else gets silence. Router advertisements come from the host alone.
/// </summary>
internal static class AddressResolution
{
    public static GuardResult CheckArp(PortProgram program, in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        if (!ArpMessage.TryRead(frame[Math.Min(packet.NetworkOffset, frame.Length)..], out ArpMessage message))
        {
            return GuardResult.Drop(DropReason.InvalidPacket);
        }

        InetAddress sender = message.SenderAddress;
        MacAddress senderMac = message.SenderMac;
        bool isOwn = senderMac == program.Mac && (sender.IsUnspecified || PortGuard.MaySendAs(program, sender));
        if (!isOwn && (program.Guards.ArpGuard || !program.Guards.MaySpoof))
        {
            return GuardResult.Drop(DropReason.ArpGuard);
        }

        return message.Operation == ArpMessage.Request && !message.IsGratuitous && TryResolve(program, message.TargetAddress, out _, out _)
            ? GuardResult.Say(AnswerKind.AddressResolution)
            : GuardResult.Drop(DropReason.ArpFilter);
    }

    public static GuardResult CheckNeighbourDiscovery(InstalledProgram installed, in ParsedPacket packet, ReadOnlySpan<byte> frame)
    {
        PortProgram program = installed.Program;
        if (IcmpFlows.IsOfRouter(in packet.Ufid))
        {
            return GuardResult.Drop(DropReason.RouterGuard);
        }

        InetAddress source = packet.Ufid.Source;
        if (!program.Guards.MaySpoof && !source.IsUnspecified && !source.IsLinkLocal && !PortGuard.MaySendAs(program, source))
        {
            return GuardResult.Drop(DropReason.IPv6Guard);
        }

        if (IcmpFlows.IsRouterSolicitation(in packet.Ufid))
        {
            return installed.AdvertisedRouter is { } advertised && advertised.IsSolicited(in packet, frame)
                ? GuardResult.Say(AnswerKind.RouterAdvertisement)
                : GuardResult.Drop(DropReason.ArpFilter);
        }

        if (!NeighborDiscovery.TryReadSolicitation(frame, in packet, out NeighborNotice notice))
        {
            // Advertisements of a guest stay with it; so does whatever fails the checks of RFC 4861 §7.1.1.
            return GuardResult.Drop(DropReason.ArpFilter);
        }

        bool isOwn = !notice.HasLinkLayer || notice.LinkLayer == program.Mac;
        if (!isOwn && (program.Guards.ArpGuard || !program.Guards.MaySpoof))
        {
            return GuardResult.Drop(DropReason.ArpGuard);
        }

        return TryResolve(program, notice.Target, out _, out _)
            ? GuardResult.Say(AnswerKind.AddressResolution)
            : GuardResult.Drop(DropReason.ArpFilter);
    }

    /// <summary>Writes the answer to a question that passed its check.</summary>
    /// <returns>The frame's length; 0 when policy has meanwhile lost the answer.</returns>
    public static int Answer(PortProgram program, in ParsedPacket packet, ReadOnlySpan<byte> frame, Span<byte> answer)
    {
        if (packet.EtherType == EtherTypes.Arp)
        {
            return answer.Length >= EthernetHeader.Size + ArpMessage.Size
                && ArpMessage.TryRead(frame[packet.NetworkOffset..], out ArpMessage question)
                && TryResolve(program, question.TargetAddress, out MacAddress mac, out _)
                    ? question.Answer(mac).WriteFrame(answer)
                    : 0;
        }

        return answer.Length >= NeighborDiscovery.AdvertisementFrameLength
            && NeighborDiscovery.TryReadSolicitation(frame, in packet, out NeighborNotice notice)
            && TryResolve(program, notice.Target, out MacAddress neighbour, out bool isRouter)
                ? NeighborDiscovery.WriteAdvertisement(in packet, in notice, neighbour, isRouter, answer)
                : 0;
    }

    /// <summary>Who has this address in the port's own subnet? The port itself gets no answer: it is checking that nobody else does.</summary>
    private static bool TryResolve(PortProgram program, InetAddress target, out MacAddress mac, out bool isRouter)
    {
        isRouter = program.Router is { } router && (router.Is(target) || program.VirtualAddresses.Contains(target));
        if (isRouter)
        {
            mac = program.Router!.Mac;
            return true;
        }

        if (program.Configuration is { } configuration && configuration.ServerIPv4 == target)
        {
            mac = configuration.ServerMac;
            return true;
        }

        mac = default;
        if (PortGuard.Owns(program, target) || !program.Space.TryFind(program.Vsid, new CustomerAddress(target), out Mapping mapping))
        {
            return false;
        }

        mac = mapping.Mac;
        return true;
    }
}
