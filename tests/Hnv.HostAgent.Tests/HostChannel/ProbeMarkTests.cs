using System.Buffers.Binary;
using Hnv.Contracts.HostChannel;
using Hnv.HostAgent.HostChannel;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.HostAgent.Tests.HostChannel;

/// <summary>What is taken for a probe and for an answer to it, and what is not.</summary>
public sealed class ProbeMarkTests
{
    private const string Text = "00112233445566778899AABBCCDDEEFF";
    private const string Other = "00112233445566778899AABBCCDDEEFE";

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("0011")]
    [InlineData("00112233445566778899AABBCCDDEEFG")]
    [InlineData("00112233445566778899AABBCCDDEEFF00")]
    public void OtherThan32Digits_IsNoMark(string? text) => Assert.False(ProbeMark.TryParse(text, out _));

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(17)]
    public void Probe_IsKnownByItsOwnMarkAlone(byte protocol)
    {
        byte[] frame = Probe(protocol);

        Assert.True(Mark(Text).IsProbe(frame, protocol));
        Assert.All(Mark(Text).WordsOfProbe(protocol, isIPv6: false), word => Assert.Equal(word.Word, BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(word.Offset))));
        Assert.False(Mark(protocol == 6 ? $"FF{Other[2..]}" : Other).IsProbe(frame, protocol));
        Assert.False(Mark(Text).IsProbe(frame, protocol == 1 ? (byte)17 : (byte)1));
        for (int length = 0; length < frame.Length; length++)
        {
            bool isCut = Mark(Text).IsProbe(frame.AsSpan(0, length), protocol);
            Assert.False(isCut && protocol != 6);
        }
    }

    [Fact]
    public void EchoReply_IsAnAnswer_TheRequestItselfIsNot()
    {
        byte[] frame = Probe(1);

        Assert.False(Mark(Text).IsAnswer(frame, 1, out _));
        frame[34] = 0;
        Assert.True(Mark(Text).IsAnswer(frame, 1, out bool isError));
        Assert.False(isError);
        Assert.False(Mark(Other).IsAnswer(frame, 1, out _));
    }

    [Fact]
    public void AnswerOfTcp_AcknowledgesTheSequenceNumber()
    {
        byte[] frame = Probe(6);

        Assert.False(Mark(Text).IsAnswer(frame, 6, out _));
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(42), 0x0011_2234);
        Assert.True(Mark(Text).IsAnswer(frame, 6, out _));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(17)]
    public void IcmpErrorThatQuotesIt_IsAnErrorAboutIt(byte protocol)
    {
        byte[] probe = Probe(protocol);
        byte[] error = new byte[14 + 20 + 8 + probe.Length - 14];
        probe.AsSpan(0, 34).CopyTo(error);
        Assert.True(IPv4Header.TryRead(probe.AsSpan(14), out IPv4Header header));
        (header with { TotalLength = (ushort)(error.Length - 14), Protocol = 1 }).WithChecksum().Write(error.AsSpan(14));
        error[34] = 3;
        probe.AsSpan(14).CopyTo(error.AsSpan(42));

        Assert.True(Mark(Text).IsAnswer(error, protocol, out bool isError));
        Assert.True(isError);
        Assert.Contains(Mark(Text).WordsOfAnswer(protocol, isIPv6: false), word => BinaryPrimitives.ReadUInt32BigEndian(error.AsSpan(word.Offset)) == word.Word);
        Assert.False(Mark($"FF{Other[2..]}").IsAnswer(error, protocol, out _));
    }

    private static ProbeMark Mark(string text)
    {
        Assert.True(ProbeMark.TryParse(text, out ProbeMark? mark));
        return mark;
    }

    private static byte[] Probe(byte protocol)
    {
        TwoHosts hosts = new();
        PortProgram program = hosts.Host2.TryGetPort(TwoHosts.Web)!.Program!;
        Assert.True(TraceFrame.TryBuild(program, false, new TracePacket { To = "10.1.1.11", Protocol = protocol, SourcePort = 50_000, DestinationPort = 80 }, out byte[]? frame, out string? note, out _, Mark(Text)));
        Assert.Null(note);
        Assert.Equal(ParseFault.None, PacketParser.TryParse(frame, out _));
        return frame;
    }
}
