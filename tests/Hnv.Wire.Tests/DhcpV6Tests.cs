using Hnv.Corpus;
using Hnv.Primitives;

namespace Hnv.Wire.Tests;

public sealed class DhcpV6Tests
{
    private static readonly InetAddress s_router = InetAddress.Parse("fe80::21d:d8ff:feb7:1c00");
    private static readonly InetAddress s_client = InetAddress.Parse("fe80::21d:d8ff:feb7:1c07");
    private static readonly byte[] s_clientId = [0, 1, 0, 14, 0, 1, 0, 1, 1, 2, 3, 4, 0, 0x1D, 0xD8, 0xB7, 0x1C, 0x07];
    private static readonly byte[] s_serverId = [0, 2, 0, 10, 0, 3, 0, 1, 0, 0x1D, 0xD8, 0xB7, 0x1C, 0];
    private static readonly byte[] s_otherServerId = [0, 2, 0, 10, 0, 3, 0, 1, 0, 0x1D, 0xD8, 0xB7, 0x1C, 1];
    private static readonly byte[] s_association = [0, 3, 0, 12, 0xCA, 0xFE, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    private static readonly byte[] s_wantsAll = [0, 6, 0, 4, 0, 23, 0, 24];
    private static readonly byte[] s_wantsNothing = [0, 6, 0, 2, 0, 82];

    private static readonly DhcpV6Lease s_lease = new()
    {
        Address = ContosoFabrikam.WebV6,
        PrefixLength = 64,
        Server = s_router,
        ServerMac = ContosoFabrikam.RouterMac,
        PreferredSeconds = 1000,
        ValidSeconds = 2000,
        DnsServers = [InetAddress.Parse("2001:db8:1:1::53")],
        Domains = ["contoso.example"],
    };

    private static readonly byte[] s_address =
        [0, 5, 0, 24, .. Bytes(ContosoFabrikam.WebV6), 0, 0, 3, 0xE8, 0, 0, 7, 0xD0];

    private static readonly byte[] s_granted =
        [0, 3, 0, 40, 0xCA, 0xFE, 0, 1, 0, 0, 1, 0xF4, 0, 0, 3, 0x20, .. s_address];

    private static readonly byte[] s_names =
    [
        0, 23, 0, 16, .. Bytes(InetAddress.Parse("2001:db8:1:1::53")),
        0, 24, 0, 17, 7, .. "contoso"u8, 7, .. "example"u8, 0,
    ];

    [Fact]
    public void TryWrite_Solicit_IsAdvertised()
    {
        Assert.Equal(
            Server(DhcpV6MessageType.Advertise, [.. s_clientId, .. s_serverId, .. s_granted, .. s_names]),
            Answer(DhcpV6MessageType.Solicit, [.. s_clientId, .. s_association, .. s_wantsAll]));
    }

    [Fact]
    public void TryWrite_SolicitWithRapidCommit_IsCommitted()
    {
        Assert.Equal(
            Server(DhcpV6MessageType.Reply, [.. s_clientId, .. s_serverId, 0, 14, 0, 0, .. s_granted]),
            Answer(DhcpV6MessageType.Solicit, [.. s_clientId, 0, 14, 0, 0, .. s_association, .. s_wantsNothing]));
    }

    [Theory]
    [InlineData(DhcpV6MessageType.Request)]
    [InlineData(DhcpV6MessageType.Renew)]
    [InlineData(DhcpV6MessageType.Rebind)]
    public void TryWrite_LeaseAskedForOrExtended_IsGranted(DhcpV6MessageType type)
    {
        byte[] server = type == DhcpV6MessageType.Rebind ? [] : s_serverId;

        Assert.Equal(
            Server(DhcpV6MessageType.Reply, [.. s_clientId, .. s_serverId, .. s_granted, .. s_names]),
            Answer(type, [.. s_clientId, .. server, .. s_association]));
    }

    [Fact]
    public void TryWrite_RenewOfAnAddressThatIsNotTheClients_TakesItBack()
    {
        InetAddress old = InetAddress.Parse("2001:db8:1:1::99");
        byte[] association = [0, 3, 0, 40, 0xCA, 0xFE, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 24, .. Bytes(old), 0, 0, 0, 9, 0, 0, 0, 9];
        byte[] answer =
        [
            0, 3, 0, 68, 0xCA, 0xFE, 0, 1, 0, 0, 1, 0xF4, 0, 0, 3, 0x20, .. s_address,
            0, 5, 0, 24, .. Bytes(old), 0, 0, 0, 0, 0, 0, 0, 0,
        ];

        Assert.Equal(
            Server(DhcpV6MessageType.Reply, [.. s_clientId, .. s_serverId, .. answer]),
            Answer(DhcpV6MessageType.Renew, [.. s_clientId, .. s_serverId, .. association, .. s_wantsNothing]));
    }

    [Fact]
    public void TryWrite_SecondAssociation_GetsNoAddress()
    {
        byte[] second = [0, 3, 0, 12, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        byte[] refused = [0, 3, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 2, 0, 2];

        Assert.Equal(
            Server(DhcpV6MessageType.Advertise, [.. s_clientId, .. s_serverId, .. s_granted, .. refused]),
            Answer(DhcpV6MessageType.Solicit, [.. s_clientId, .. s_association, .. second, .. s_wantsNothing]));
    }

    [Fact]
    public void TryWrite_ClientWithoutAnAddress_IsToldThatNoneIsAvailable()
    {
        byte[] refused = [0, 3, 0, 18, 0xCA, 0xFE, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 0, 2, 0, 2];

        Assert.Equal(
            Server(DhcpV6MessageType.Advertise, [.. s_clientId, .. s_serverId, .. refused]),
            Answer(DhcpV6MessageType.Solicit, [.. s_clientId, .. s_association, .. s_wantsNothing], s_lease with { Address = default }));
    }

    [Theory]
    [InlineData("2001:db8:1:1::77", 0)]
    [InlineData("2001:db8:1:2::77", 4)]
    public void TryWrite_Confirm_TellsWhetherTheAddressIsOnTheLink(string address, byte status)
    {
        byte[] association = [0, 3, 0, 40, 0xCA, 0xFE, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 24, .. Bytes(InetAddress.Parse(address)), .. new byte[8]];

        Assert.Equal(
            Server(DhcpV6MessageType.Reply, [.. s_clientId, .. s_serverId, 0, 13, 0, 2, 0, status]),
            Answer(DhcpV6MessageType.Confirm, [.. s_clientId, .. association]));
    }

    [Theory]
    [InlineData(DhcpV6MessageType.Release)]
    [InlineData(DhcpV6MessageType.Decline)]
    public void TryWrite_AddressGivenBack_IsAcknowledged(DhcpV6MessageType type)
    {
        Assert.Equal(
            Server(DhcpV6MessageType.Reply, [.. s_clientId, .. s_serverId, 0, 13, 0, 2, 0, 0]),
            Answer(type, [.. s_clientId, .. s_serverId, .. s_association]));
    }

    [Fact]
    public void TryWrite_InformationRequest_TellsNamesWithoutAnAddress()
    {
        Assert.Equal(
            Server(DhcpV6MessageType.Reply, [.. s_serverId, .. s_names]),
            Answer(DhcpV6MessageType.InformationRequest, s_wantsAll));
    }

    [Fact]
    public void TryWrite_AnotherServersClientOrNothingToConfirm_IsSilence()
    {
        Assert.Null(Answer(DhcpV6MessageType.Request, [.. s_clientId, .. s_otherServerId, .. s_association]));
        Assert.Null(Answer(DhcpV6MessageType.Confirm, [.. s_clientId, .. s_association]));
    }

    [Fact]
    public void TryWrite_AnswerLongerThanAPacket_IsSilence()
    {
        byte[] addresses = [.. Enumerable.Range(0, 50).SelectMany(i => (byte[])[0, 5, 0, 24, 0x20, 1, .. new byte[13], (byte)i, .. new byte[8]])];
        byte[] association = [0, 3, (byte)((12 + addresses.Length) >> 8), (byte)(12 + addresses.Length), .. s_association[4..], .. addresses];

        Assert.Null(Answer(DhcpV6MessageType.Solicit, [.. s_clientId, .. association]));
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a..b")]
    [InlineData("with space.example")]
    [InlineData("name-label-of-more-than-63-characters-is-not-a-label-in-any-domain-name.example")]
    public void TryWrite_WhatIsNoDomainName_IsLeftOut(string domain)
    {
        Assert.Equal(
            Server(DhcpV6MessageType.Reply, [.. s_serverId, .. s_names]),
            Answer(DhcpV6MessageType.InformationRequest, s_wantsAll, s_lease with { Domains = [domain, "contoso.example.", new string('a', 300)] }));
    }

    [Fact]
    public void TryRead_WrongIdentifiersTypeOrAddress_IsRefused()
    {
        Assert.False(Reads(DhcpV6MessageType.Solicit, []));
        Assert.False(Reads(DhcpV6MessageType.Solicit, [.. s_clientId, .. s_serverId]));
        Assert.False(Reads(DhcpV6MessageType.Solicit, [.. s_clientId, .. s_clientId]));
        Assert.False(Reads(DhcpV6MessageType.Request, s_clientId));
        Assert.False(Reads(DhcpV6MessageType.Renew, s_serverId));
        Assert.False(Reads(DhcpV6MessageType.Rebind, [.. s_clientId, .. s_serverId]));
        Assert.False(Reads(DhcpV6MessageType.InformationRequest, s_association));
        Assert.False(Reads(DhcpV6MessageType.Advertise, [.. s_clientId, .. s_serverId]));
        Assert.False(Reads((DhcpV6MessageType)12, s_clientId));
        Assert.False(Reads(DhcpV6MessageType.Solicit, [.. s_clientId, 0, 3, 0, 11, .. new byte[11]]));
        Assert.False(Reads(DhcpV6MessageType.Solicit, [.. s_clientId, 0, 6, 0, 1, 0]));
        Assert.False(Reads(DhcpV6MessageType.Solicit, [.. s_clientId, 0, 14, 0, 1, 0]));
        Assert.False(Reads(DhcpV6MessageType.Solicit, [.. s_clientId, 0, 99, 0, 1]));
        Assert.False(Reads(DhcpV6MessageType.Solicit, [.. s_clientId, .. Enumerable.Repeat((byte[])[0, 99, 0, 0], 64).SelectMany(option => option)]));
        Assert.True(Reads(DhcpV6MessageType.Solicit, [.. s_clientId, .. Enumerable.Repeat((byte[])[0, 99, 0, 0], 63).SelectMany(option => option)]));

        static bool Reads(DhcpV6MessageType type, byte[] options)
        {
            byte[] frame = Client(type, options);
            return DhcpV6Message.TryRead(frame, Packets.Parse(frame), out _);
        }
    }

    [Fact]
    public void TryReadAndWrite_CutOrMutatedAnywhere_NeverThrowAndRepliesAreIntact()
    {
        var random = new Random(8415);
        byte[] origin = Client(DhcpV6MessageType.Renew, [.. s_clientId, .. s_serverId, .. s_granted, .. s_wantsAll, 0, 14, 0, 0]);
        byte[] reply = new byte[DhcpV6Reply.FrameLengthMax];
        int answered = 0;
        for (int i = 0; i < 50_000; i++)
        {
            byte[] message = origin[62..(i < origin.Length - 62 ? 62 + i : origin.Length)];
            for (int mutations = random.Next(3); mutations > 0 && message.Length > 0; mutations--)
            {
                message[random.Next(message.Length)] = (byte)random.Next(random.Next(2) == 0 ? 256 : 32);
            }

            byte[] frame = Begin().Payload(message).Build();
            ParsedPacket packet = Packets.Parse(frame);
            if (DhcpV6Message.TryRead(frame, in packet, out DhcpV6Message read)
                && DhcpV6Reply.TryWrite(frame, in packet, in read, s_lease, reply, out int length))
            {
                answered++;
                Packets.AssertIntact(reply.AsSpan(0, length));
            }
        }

        Assert.InRange(answered, 5_000, 49_000);
    }

    [Fact]
    public void TryReadAndWrite_AThousandTimes_AllocateNothing()
    {
        byte[] frame = Client(DhcpV6MessageType.Solicit, [.. s_clientId, .. s_association, .. s_wantsAll]);
        ParsedPacket packet = Packets.Parse(frame);
        byte[] reply = new byte[DhcpV6Reply.FrameLengthMax];
        _ = DhcpV6Message.TryRead(frame, in packet, out DhcpV6Message message);
        _ = DhcpV6Reply.TryWrite(frame, in packet, in message, s_lease, reply, out _);

        Allocation.AssertNone(1_000, () =>
        {
            _ = DhcpV6Message.TryRead(frame, in packet, out message);
            _ = DhcpV6Reply.TryWrite(frame, in packet, in message, s_lease, reply, out _);
        });
    }

    private static byte[]? Answer(DhcpV6MessageType type, byte[] options, DhcpV6Lease? lease = null)
    {
        byte[] frame = Client(type, options);
        ParsedPacket packet = Packets.Parse(frame);
        Assert.True(DhcpV6Message.TryRead(frame, in packet, out DhcpV6Message message));
        byte[] reply = new byte[DhcpV6Reply.FrameLengthMax];
        reply.AsSpan().Fill(0xEE);
        return DhcpV6Reply.TryWrite(frame, in packet, in message, lease ?? s_lease, reply, out int length) ? reply[..length] : null;
    }

    private static byte[] Client(DhcpV6MessageType type, byte[] options) => Begin().Payload([(byte)type, 0x12, 0x34, 0x56, .. options]).Build();

    private static FrameBuilder Begin() =>
        FrameBuilder.Ethernet(ContosoFabrikam.ContosoWebMac, NeighborDiscovery.MulticastMac(DhcpV6Message.AllServers))
            .IP(s_client, DhcpV6Message.AllServers).Udp(546, 547);

    private static byte[] Server(DhcpV6MessageType type, byte[] options) =>
        FrameBuilder.Ethernet(ContosoFabrikam.RouterMac, ContosoFabrikam.ContosoWebMac)
            .IP(s_router, s_client).Udp(547, 546).Payload([(byte)type, 0x12, 0x34, 0x56, .. options]).Build();

    private static byte[] Bytes(InetAddress address) => address.ToIPAddress().GetAddressBytes();
}
