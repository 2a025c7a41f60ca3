using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>What the distributed router says itself: echo replies from its gateway addresses, time exceeded, packet too big (R27).</summary>
internal static class RouterAnswers
{
    public static int Answer(PortProgram program, UnifiedFlow flow, in ParsedPacket packet, ReadOnlySpan<byte> frame, Span<byte> answer)
    {
        if (program.Router is not { } router || packet.Length > frame.Length)
        {
            return 0;
        }

        // An error comes from the router's address in the sender's subnet; in a subnet without the packet's family it speaks from its link-local one.
        bool isIPv4 = packet.EtherType == EtherTypes.IPv4;
        InetAddress? own = router.Gateway(isIPv4)?.Value ?? (isIPv4 ? null : router.LinkLocal);
        return flow.Answer switch
        {
            AnswerKind.EchoReply => IcmpMessages.IsEchoRequest(in packet) && answer.Length >= packet.Length
                ? IcmpMessages.WriteEchoReply(frame, in packet, answer)
                : 0,
            AnswerKind.TimeExceeded when own is { } source && answer.Length >= IcmpMessages.ErrorFrameLengthMax =>
                IcmpMessages.WriteTimeExceeded(frame, in packet, router.Mac, source, answer),
            AnswerKind.TooBig when own is { } source && answer.Length >= IcmpMessages.ErrorFrameLengthMax =>
                IcmpMessages.WritePacketTooBig(frame, in packet, router.Mac, source, flow.Transposition.MaxLength, answer),
            _ => 0,
        };
    }
}
