using System.Buffers.Binary;
using System.Net;

namespace Hnv.Scenarios.Story;

/// <summary>
/// The fields of an encapsulated packet, read by a few lines of its own: a test that used our parser would not notice if our
/// writer and our parser were wrong together.
/// </summary>
public sealed record Encapsulated(string Source, string Destination, int Protocol, int UdpSource, int UdpDestination, int EtherTypeInGre, int Vsid, int FlowId, byte[] Inner)
{
    public int InnerEtherType => BinaryPrimitives.ReadUInt16BigEndian(Inner.AsSpan(12));

    /// <summary>The VXLAN and NVGRE packets among the frames.</summary>
    public static IReadOnlyList<Encapsulated> In(IEnumerable<byte[]> frames) => [.. frames.Select(Read).OfType<Encapsulated>()];

    private static Encapsulated? Read(byte[] frame)
    {
        if (frame.Length < 60 || U16(frame, 12) != 0x0800)
        {
            return null;
        }

        int at = 14 + ((frame[14] & 15) * 4);
        string source = new IPAddress(frame.AsSpan(26, 4)).ToString();
        string destination = new IPAddress(frame.AsSpan(30, 4)).ToString();
        return frame[23] switch
        {
            17 when U16(frame, at + 2) == 4789 && frame[at + 8] == 0x08 =>
                new(source, destination, 17, U16(frame, at), 4789, 0, U24(frame, at + 12), 0, frame[(at + 16)..]),
            47 when U16(frame, at) == 0x2000 =>
                new(source, destination, 47, 0, 0, U16(frame, at + 2), U24(frame, at + 4), frame[at + 7], frame[(at + 8)..]),
            _ => null,
        };
    }

    private static int U16(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));

    private static int U24(byte[] bytes, int at) => (bytes[at] << 16) | (bytes[at + 1] << 8) | bytes[at + 2];
}
