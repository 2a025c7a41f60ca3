using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>What the distributed router says itself: echo replies from its gateway addresses, and time exceeded (R27).</summary>
internal static class RouterAnswers
{
    public static int Answer(PortProgram program, in ParsedPacket packet, ReadOnlySpan<byte> frame, Span<byte> answer)
    {
        if (program.Router is not { } router || packet.Length > frame.Length)
        {
            return 0;
        }

        if (router.Routes.IsGateway(packet.Ufid.Destination))
        {
            return IcmpMessages.IsEchoRequest(in packet) && answer.Length >= packet.Length
                ? IcmpMessages.WriteEchoReply(frame, in packet, answer)
                : 0;
        }

        // The error comes from the router's address in the sender's subnet; in a subnet of the other family it has none to speak from.
        return packet.TimeToLive <= 1
            && IcmpFlows.MayReport(in packet.Ufid)
            && router.Gateway.Value.IsIPv4 == (packet.EtherType == EtherTypes.IPv4)
            && answer.Length >= IcmpMessages.ErrorFrameLengthMax
                ? IcmpMessages.WriteTimeExceeded(frame, in packet, router.Mac, router.Gateway.Value, answer)
                : 0;
    }
}
