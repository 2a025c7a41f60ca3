using System.Buffers.Binary;
using System.Text;
using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class PcapngWriterTests
{
    [Fact]
    public void File_OneInterfaceAndOnePacket_IsTheBytesTheFormatDescribes()
    {
        byte[] frame = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 0x45];
        using var stream = new MemoryStream();

        var writer = new PcapngWriter(stream, "hnv");
        int id = writer.AddInterface("web-nic0", "VPort 1", 65535);
        writer.WritePacket(id, 0x0123_4567_89AB_CDEF, frame, Direction.Outbound, "Forward");

        byte[] expected =
        [
            0x0A, 0x0D, 0x0D, 0x0A, 40, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0,
            255, 255, 255, 255, 255, 255, 255, 255,
            4, 0, 3, 0, .. "hnv"u8, 0, 0, 0, 0, 0, 40, 0, 0, 0,

            1, 0, 0, 0, 56, 0, 0, 0, 1, 0, 0, 0, 0xFF, 0xFF, 0, 0,
            2, 0, 8, 0, .. "web-nic0"u8, 3, 0, 7, 0, .. "VPort 1"u8, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 56, 0, 0, 0,

            6, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0, 0x67, 0x45, 0x23, 0x01, 0xEF, 0xCD, 0xAB, 0x89, 15, 0, 0, 0, 15, 0, 0, 0,
            .. frame, 0,
            2, 0, 4, 0, 2, 0, 0, 0, 1, 0, 7, 0, .. "Forward"u8, 0, 0, 0, 0, 0, 72, 0, 0, 0,
        ];
        Assert.Equal(expected, stream.ToArray());
    }

    [Fact]
    public void WritePacket_LongerThanTheInterfaceKeeps_IsCutAndTellsItsLength()
    {
        using var stream = new MemoryStream();
        var writer = new PcapngWriter(stream, "hnv");
        writer.AddInterface("whole");
        int id = writer.AddInterface("cut", snapLength: 60);
        long before = stream.Length;

        writer.WritePacket(id, 0, new byte[1500]);

        byte[] block = stream.ToArray()[(int)before..];
        Assert.Equal((1, 60, 1500), (Number(block, 8), Number(block, 20), Number(block, 24)));
        Assert.Equal(28 + 60 + 4, block.Length);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(65_589)]
    public void WritePacket_AnyLength_EndsOnABorderWithItsLengthTwice(int length)
    {
        using var stream = new MemoryStream();
        var writer = new PcapngWriter(stream, string.Empty);
        writer.AddInterface("nic");
        long before = stream.Length;

        writer.WritePacket(0, 1, new byte[length], Direction.Inbound, "é");

        byte[] block = stream.ToArray()[(int)before..];
        Assert.Equal(0, block.Length % 4);
        Assert.Equal(block.Length, Number(block, 4));
        Assert.Equal(block.Length, Number(block, block.Length - 4));
    }

    [Fact]
    public void Texts_LongerThanTheBound_AreCutAtACharacter()
    {
        using var stream = new MemoryStream();
        var writer = new PcapngWriter(stream, new string('a', 5000));
        writer.AddInterface(new string('b', 5000), new string('é', 5000));
        long before = stream.Length;

        writer.WritePacket(0, 1, default, Direction.Inbound, 'a' + new string('é', 5000));

        byte[] comment = stream.ToArray()[(int)before..][36..];
        int length = BinaryPrimitives.ReadUInt16LittleEndian(comment.AsSpan(2));
        Assert.Equal(PcapngWriter.TextLengthMax - 1, length);
        Assert.Equal('a' + new string('é', 511), Encoding.UTF8.GetString(comment, 4, length));
    }

    [Fact]
    public void WritePacket_OfAnUnknownInterface_IsRefused()
    {
        var writer = new PcapngWriter(Stream.Null, "hnv");

        Assert.Throws<ArgumentOutOfRangeException>(() => writer.WritePacket(0, 0, default));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.AddInterface("nic", snapLength: 0));
        Assert.Equal(0, writer.InterfaceCount);
    }

    [Fact]
    public void WritePacket_AThousandTimes_AllocatesNothing()
    {
        byte[] frame = ContosoFabrikam.WebToSql.Tcp(1, 2).Payload(99).Build();
        var writer = new PcapngWriter(Stream.Null, "hnv");
        writer.AddInterface("nic");
        writer.WritePacket(0, 1, frame, Direction.Inbound, "comment");

        Allocation.AssertNone(1_000, () =>
        {
            writer.WritePacket(0, 1, frame, Direction.Inbound, "comment");
        });
    }

    private static int Number(byte[] block, int offset) => BinaryPrimitives.ReadInt32LittleEndian(block.AsSpan(offset));
}
