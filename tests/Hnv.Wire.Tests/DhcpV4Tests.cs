using System.Buffers.Binary;
using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class DhcpV4Tests
{
    private const uint TransactionId = 0x3903_F326;

    private static readonly byte[] s_clientId = [61, 7, 1, 0x00, 0x1D, 0xD8, 0xB7, 0x1C, 0x07];
    private static readonly byte[] s_asksForAll = [55, 10, 1, 3, 6, 15, 26, 58, 59, 121, 249, 42];
    private static readonly InetAddress s_any = InetAddress.FromIPv4(0);

    private static readonly DhcpLease s_lease = new()
    {
        Address = ContosoFabrikam.Web,
        PrefixLength = 24,
        Server = ContosoFabrikam.Gateway,
        Router = ContosoFabrikam.Gateway,
        DnsServers = [InetAddress.Parse("10.1.1.53"), InetAddress.Parse("10.1.1.54")],
        DomainName = "contoso.example",
        Mtu = 1450,
        LeaseSeconds = 86_400,
        Routes = [new DhcpRoute(IpPrefix.Parse("10.2.0.0/16"), InetAddress.Parse("10.1.1.2")), new DhcpRoute(IpPrefix.Parse("10.3.3.128/25"), s_any)],
    };

    [Fact]
    public void Write_OfferToADiscover_IsTheFrameTheStandardDescribes()
    {
        byte[] discover = Client(DhcpV4MessageType.Discover, [.. s_clientId, .. s_asksForAll]);

        byte[] reply = Answer(discover, s_lease);

        byte[] routes =
        [
            0, 10, 1, 1, 1,
            16, 10, 2, 10, 1, 1, 2,
            25, 10, 3, 3, 128, 0, 0, 0, 0,
        ];
        byte[] options =
        [
            53, 1, 2,
            54, 4, 10, 1, 1, 1,
            .. s_clientId,
            51, 4, 0, 1, 0x51, 0x80,
            1, 4, 255, 255, 255, 0,
            3, 4, 10, 1, 1, 1,
            6, 8, 10, 1, 1, 53, 10, 1, 1, 54,
            121, 21, .. routes,
            26, 2, 5, 0xAA,
            58, 4, 0, 0, 0xA8, 0xC0,
            59, 4, 0, 1, 0x27, 0x50,
            15, 15, .. "contoso.example"u8,
            249, 21, .. routes,
            255,
        ];
        Assert.Equal(Server(ContosoFabrikam.Web, ContosoFabrikam.ContosoWebMac, s_any, ContosoFabrikam.Web, broadcast: false, options), reply);
    }

    [Fact]
    public void Write_ParameterList_FiltersAllButIdentityMaskAndLease()
    {
        byte[] reply = Answer(Client(DhcpV4MessageType.Discover, [55, 1, 6]), s_lease);

        Assert.Equal([53, 54, 51, 1, 6], OptionCodes(reply));
    }

    [Fact]
    public void Write_NoParameterList_TellsEverythingOnce()
    {
        byte[] reply = Answer(Client(DhcpV4MessageType.Discover, []), s_lease);

        Assert.Equal([53, 54, 51, 1, 3, 6, 121, 26, 58, 59, 15], OptionCodes(reply));
    }

    [Fact]
    public void Write_LeaseWithNothingMore_LeavesTheRestOut()
    {
        DhcpLease bare = new() { Address = ContosoFabrikam.Web, PrefixLength = 32, Server = ContosoFabrikam.Gateway };

        byte[] reply = Answer(Client(DhcpV4MessageType.Discover, s_asksForAll), bare);

        Assert.Equal([53, 54, 51, 1, 58, 59], OptionCodes(reply));
        Assert.Equal([51, 4, 255, 255, 255, 255, 1, 4, 255, 255, 255, 255, 58, 4, 255, 255, 255, 255, 59, 4, 255, 255, 255, 255, 255], reply[291..316]);
    }

    [Theory]
    [InlineData("10.1.1.1", "10.1.1.12", "0.0.0.0", DhcpV4MessageType.Ack)]
    [InlineData("10.1.1.1", "10.1.1.13", "0.0.0.0", DhcpV4MessageType.Nak)]
    [InlineData("10.9.9.9", "10.1.1.12", "0.0.0.0", DhcpV4MessageType.None)]
    [InlineData("0.0.0.0", "10.1.1.12", "0.0.0.0", DhcpV4MessageType.Ack)]
    [InlineData("0.0.0.0", "192.168.0.7", "0.0.0.0", DhcpV4MessageType.Nak)]
    [InlineData("0.0.0.0", "0.0.0.0", "10.1.1.12", DhcpV4MessageType.Ack)]
    [InlineData("0.0.0.0", "0.0.0.0", "10.1.1.99", DhcpV4MessageType.Nak)]
    [InlineData("0.0.0.0", "0.0.0.0", "0.0.0.0", DhcpV4MessageType.Nak)]
    public void TypeFor_Request_DependsOnServerAndAddress(string server, string requested, string client, DhcpV4MessageType expected)
    {
        byte[] options = [];
        options = server == "0.0.0.0" ? options : [.. options, 54, 4, .. Bytes(InetAddress.Parse(server))];
        options = requested == "0.0.0.0" ? options : [.. options, 50, 4, .. Bytes(InetAddress.Parse(requested))];
        byte[] request = Client(DhcpV4MessageType.Request, options, clientAddress: InetAddress.Parse(client));

        Assert.True(DhcpV4Message.TryRead(request, Packets.Parse(request), out DhcpV4Message message));

        Assert.Equal(expected, DhcpV4Reply.TypeFor(in message, s_lease));
    }

    [Theory]
    [InlineData(DhcpV4MessageType.Decline)]
    [InlineData(DhcpV4MessageType.Release)]
    [InlineData(DhcpV4MessageType.Inform)]
    [InlineData(DhcpV4MessageType.Offer)]
    public void TypeFor_WhatNeedsNoAnswer_IsSilence(DhcpV4MessageType type)
    {
        byte[] request = Client(type, []);
        Assert.True(DhcpV4Message.TryRead(request, Packets.Parse(request), out DhcpV4Message message));

        Assert.Equal(DhcpV4MessageType.None, DhcpV4Reply.TypeFor(in message, s_lease));
    }

    [Fact]
    public void Write_Nak_IsBroadcastWithoutAnAddress()
    {
        byte[] reply = Answer(Client(DhcpV4MessageType.Request, [50, 4, 10, 9, 9, 9, .. s_clientId]), s_lease);

        Assert.Equal(
            Server(
                InetAddress.Parse("255.255.255.255"), MacAddress.Broadcast, s_any, s_any, broadcast: false,
                [53, 1, 6, 54, 4, 10, 1, 1, 1, .. s_clientId, 255]),
            reply);
    }

    [Fact]
    public void Write_ToAClientThatCannotTakeUnicast_IsBroadcastWithTheFlag()
    {
        byte[] reply = Answer(Client(DhcpV4MessageType.Discover, [55, 1, 1], broadcast: true), s_lease);

        Assert.Equal(
            Server(
                InetAddress.Parse("255.255.255.255"), MacAddress.Broadcast, s_any, ContosoFabrikam.Web, broadcast: true,
                [53, 1, 2, 54, 4, 10, 1, 1, 1, 51, 4, 0, 1, 0x51, 0x80, 1, 4, 255, 255, 255, 0, 255]),
            reply);
    }

    [Fact]
    public void Write_AckToAnInform_GivesNoAddressAndNoLease()
    {
        byte[] reply = Answer(Client(DhcpV4MessageType.Inform, [55, 4, 1, 3, 51, 58], clientAddress: ContosoFabrikam.Web), s_lease);

        Assert.Equal(
            Server(
                ContosoFabrikam.Web, ContosoFabrikam.ContosoWebMac, ContosoFabrikam.Web, s_any, broadcast: false,
                [53, 1, 5, 54, 4, 10, 1, 1, 1, 1, 4, 255, 255, 255, 0, 3, 4, 10, 1, 1, 1, 255]),
            reply);
    }

    [Fact]
    public void Write_MoreThanTheClientTakes_LeavesOutTheLessImportant()
    {
        DhcpLease rich = s_lease with
        {
            DomainName = new string('a', 255),
            Routes = [.. Enumerable.Range(0, 100).Select(i => new DhcpRoute(IpPrefix.Create(InetAddress.FromIPv4(0x0A00_0000u + (uint)(i << 8)), 24), ContosoFabrikam.Gateway))],
            DnsServers = [.. Enumerable.Range(0, 100).Select(i => InetAddress.FromIPv4(0x0A01_0100u + (uint)i))],
        };
        byte[] longId = [61, 255, .. new byte[255]];

        byte[] small = Answer(Client(DhcpV4MessageType.Discover, [.. longId, .. s_asksForAll]), rich);
        byte[] large = Answer(Client(DhcpV4MessageType.Discover, [.. s_clientId, .. s_asksForAll, 57, 2, 255, 255]), rich);

        Assert.InRange(small.Length, 300, 14 + 576);
        Assert.Equal([53, 54, 61, 51, 1, 3, 26, 58, 59], OptionCodes(small));
        Assert.InRange(large.Length, 14 + 576, DhcpV4Reply.FrameLengthMax);
        Assert.Equal([53, 54, 61, 51, 1, 3, 6, 121, 26, 58, 59, 15, 249], OptionCodes(large));
        Packets.AssertIntact(small);
        Packets.AssertIntact(large);
    }

    [Theory]
    [InlineData(42, 2)]
    [InlineData(43, 6)]
    [InlineData(44, 16)]
    [InlineData(42 + 24, 10)]
    [InlineData(42 + 236, 0x64)]
    [InlineData(36, 0)]
    public void TryRead_NotAClientOnThisLink_IsRefused(int offset, byte value)
    {
        byte[] frame = Client(DhcpV4MessageType.Discover, []);
        frame[offset] = value;
        if (offset == 36)
        {
            frame[37] = 68;
        }

        Assert.False(DhcpV4Message.TryRead(frame, Packets.Parse(frame), out _));
    }

    [Theory]
    [InlineData("35020101")]
    [InlineData("3500")]
    [InlineData("350100")]
    [InlineData("350109")]
    [InlineData("3203010203")]
    [InlineData("36050102030405")]
    [InlineData("390109")]
    [InlineData("3D00")]
    [InlineData("340101")]
    [InlineData("0CC801")]
    [InlineData("000C")]
    public void TryRead_MalformedOption_IsRefused(string options)
    {
        byte[] frame = Client(DhcpV4MessageType.Discover, Convert.FromHexString(options), end: false);

        Assert.False(DhcpV4Message.TryRead(frame, Packets.Parse(frame), out _));
    }

    [Fact]
    public void TryRead_NoMessageType_IsRefusedAsBootp()
    {
        byte[] frame = Client(DhcpV4MessageType.None, s_clientId);

        Assert.False(DhcpV4Message.TryRead(frame, Packets.Parse(frame), out _));
    }

    [Fact]
    public void TryRead_CutAtEveryByte_NeverThrowsAndIsRefusedUntilTheTypeIsThere()
    {
        byte[] frame = Client(DhcpV4MessageType.Request, [.. s_clientId, .. s_asksForAll, 50, 4, 10, 1, 1, 12]);
        for (int length = 0; length <= frame.Length - 42; length++)
        {
            byte[] cut = Frame(frame[42..(42 + length)]);
            bool read = DhcpV4Message.TryRead(cut, Packets.Parse(cut), out DhcpV4Message message);
            Assert.False(read && length < 243);
            if (read)
            {
                _ = DhcpV4Reply.Write(cut, in message, DhcpV4MessageType.Ack, s_lease, ContosoFabrikam.RouterMac, new byte[DhcpV4Reply.FrameLengthMax]);
            }
        }
    }

    [Fact]
    public void TryReadAndWrite_MutatedMessages_NeverThrowAndRepliesAreIntact()
    {
        var random = new Random(2131);
        byte[] origin = Client(DhcpV4MessageType.Request, [.. s_clientId, .. s_asksForAll, 50, 4, 10, 1, 1, 12, 57, 2, 2, 64]);
        byte[] reply = new byte[DhcpV4Reply.FrameLengthMax];
        int read = 0;
        for (int i = 0; i < 50_000; i++)
        {
            byte[] frame = [.. origin];
            for (int mutations = random.Next(1, 4); mutations > 0; mutations--)
            {
                frame[random.Next(42 + 236, frame.Length)] = (byte)random.Next(random.Next(2) == 0 ? 256 : 64);
            }

            if (DhcpV4Message.TryRead(frame, Packets.Parse(frame), out DhcpV4Message message))
            {
                read++;
                DhcpV4MessageType type = (DhcpV4MessageType)random.Next(1, 7);
                Packets.AssertIntact(reply.AsSpan(0, DhcpV4Reply.Write(frame, in message, type, s_lease, ContosoFabrikam.RouterMac, reply)));
            }
        }

        Assert.InRange(read, 5_000, 45_000);
    }

    [Fact]
    public void IsServerMessage_FromTheServersPort_IsTrue()
    {
        Assert.True(DhcpV4Message.IsServerMessage(Packets.Parse(ContosoFabrikam.WebToSql.Udp(67, 68).Build())));
        Assert.False(DhcpV4Message.IsServerMessage(Packets.Parse(ContosoFabrikam.WebToSql.Udp(68, 67).Build())));
        Assert.False(DhcpV4Message.IsServerMessage(Packets.Parse(ContosoFabrikam.WebToSql.Tcp(67, 68).Build())));
    }

    [Fact]
    public void TryReadAndWrite_AThousandTimes_AllocateNothing()
    {
        byte[] frame = Client(DhcpV4MessageType.Discover, [.. s_clientId, .. s_asksForAll]);
        ParsedPacket packet = Packets.Parse(frame);
        byte[] reply = new byte[DhcpV4Reply.FrameLengthMax];
        _ = DhcpV4Message.TryRead(frame, in packet, out DhcpV4Message message);
        _ = DhcpV4Reply.Write(frame, in message, DhcpV4MessageType.Offer, s_lease, ContosoFabrikam.RouterMac, reply);

        Allocation.AssertNone(1_000, () =>
        {
            _ = DhcpV4Message.TryRead(frame, in packet, out message);
            _ = DhcpV4Reply.Write(frame, in message, DhcpV4MessageType.Offer, s_lease, ContosoFabrikam.RouterMac, reply);
        });
    }

    private static byte[] Answer(byte[] request, DhcpLease lease)
    {
        Assert.True(DhcpV4Message.TryRead(request, Packets.Parse(request), out DhcpV4Message message));
        byte[] reply = new byte[DhcpV4Reply.FrameLengthMax];
        reply.AsSpan().Fill(0xEE);
        int length = DhcpV4Reply.Write(request, in message, DhcpV4Reply.TypeFor(in message, lease), lease, ContosoFabrikam.RouterMac, reply);
        return reply[..length];
    }

    private static byte[] Client(
        DhcpV4MessageType type, byte[] options, bool broadcast = false, InetAddress? clientAddress = null, bool end = true)
    {
        byte[] message = Bootp(1, broadcast, clientAddress ?? s_any, s_any);
        byte[] typeOption = type == DhcpV4MessageType.None ? [] : [53, 1, (byte)type];
        return Frame([.. message, .. typeOption, .. options, .. end ? (byte[])[255, 0, 0] : []]);
    }

    private static byte[] Frame(byte[] message) =>
        FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, MacAddress.Broadcast)
            .IP("0.0.0.0", "255.255.255.255").Udp(68, 67).Payload(message).Build();

    private static byte[] Server(
        InetAddress destination, MacAddress destinationMac, InetAddress client, InetAddress your, bool broadcast, byte[] options)
    {
        byte[] message = [.. Bootp(2, broadcast, client, your), .. options];
        return FrameBuilder.Ethernet(ContosoFabrikam.RouterMac, destinationMac)
            .IP(ContosoFabrikam.Gateway, destination).Identification(0).DontFragment(false).Udp(67, 68)
            .Payload([.. message, .. new byte[Math.Max(0, 300 - message.Length)]]).Build();
    }

    private static byte[] Bootp(byte operation, bool broadcast, InetAddress client, InetAddress your)
    {
        byte[] message = new byte[240];
        message[0] = operation;
        message[1] = 1;
        message[2] = 6;
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(4), TransactionId);
        message[10] = (byte)(broadcast ? 0x80 : 0);
        client.Write(message.AsSpan(12));
        your.Write(message.AsSpan(16));
        ContosoFabrikam.ContosoWebMac.Write(message.AsSpan(28));
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(236), 0x6382_5363);
        return message;
    }

    private static byte[] OptionCodes(byte[] reply)
    {
        var codes = new List<byte>();
        for (int at = 42 + 240; reply[at] != 255; at += 2 + reply[at + 1])
        {
            codes.Add(reply[at]);
        }

        return [.. codes];
    }

    private static byte[] Bytes(InetAddress address) => address.ToIPAddress().GetAddressBytes();
}
