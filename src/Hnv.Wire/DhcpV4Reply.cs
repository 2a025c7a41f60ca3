using System.Buffers.Binary;
using System.Text;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>A DHCP server's side for one known client (RFC 2131 §4.3): what to answer, and the frame that says it.</summary>
public static class DhcpV4Reply
{
    /// <summary>Room that every reply fits into.</summary>
    public const int FrameLengthMax = EthernetHeader.Size + PacketLengthMax;

    /// <summary>What every client must take (RFC 2131 §2), bytes from the IP header on.</summary>
    private const int PacketLengthMin = 576;

    private const int PacketLengthMax = 1500;

    /// <summary>What BOOTP clients expect at least (RFC 1542 §2.1).</summary>
    private const int MessageLengthMin = 300;

    private const int HeadersLength = IPv4Header.Size + UdpHeader.Size;
    private const int MtuMin = 68;
    private const byte TimeToLive = 64;
    private const byte BootReply = 2;

    /// <summary>What the server of a lease answers.</summary>
    /// <returns>
    /// <see cref="DhcpV4MessageType.None"/> for silence: the client has chosen another server, gives its address back or declines it.
    /// </returns>
    public static DhcpV4MessageType TypeFor(in DhcpV4Message request, DhcpLease lease)
    {
        switch (request.Type)
        {
            case DhcpV4MessageType.Discover:
                return DhcpV4MessageType.Offer;
            case DhcpV4MessageType.Inform:
                return request.ClientAddress.IsUnspecified ? DhcpV4MessageType.None : DhcpV4MessageType.Ack;
            case DhcpV4MessageType.Request:
                if (!request.ServerIdentifier.IsUnspecified && request.ServerIdentifier != lease.Server)
                {
                    return DhcpV4MessageType.None;
                }

                // Selecting and rebooting clients name the address in option 50, renewing and rebinding ones in ciaddr (RFC 2131 §4.3.2).
                InetAddress wanted = request.RequestedAddress.IsUnspecified ? request.ClientAddress : request.RequestedAddress;
                return wanted == lease.Address ? DhcpV4MessageType.Ack : DhcpV4MessageType.Nak;
            default:
                return DhcpV4MessageType.None;
        }
    }

    /// <summary>
    /// Writes an untagged reply frame. Server identifier, mask and lease time are always told, the rest if the client asks for it or asks
    /// for nothing in particular; what its longest packet has no room for is left out, the less important first.
    /// </summary>
    /// <param name="frame">The request's frame.</param>
    /// <param name="request">What it says.</param>
    /// <param name="type">Offer, ack or nak; see <see cref="TypeFor"/>.</param>
    /// <param name="lease">What is told.</param>
    /// <param name="serverMac">Source MAC of the reply.</param>
    /// <param name="reply">Takes up to <see cref="FrameLengthMax"/> bytes; must not overlap <paramref name="frame"/>.</param>
    /// <returns>The frame's length.</returns>
    public static int Write(
        ReadOnlySpan<byte> frame, in DhcpV4Message request, DhcpV4MessageType type, DhcpLease lease, MacAddress serverMac, Span<byte> reply)
    {
        bool isNak = type == DhcpV4MessageType.Nak;
        bool isInform = request.Type == DhcpV4MessageType.Inform;
        int packetMax = Math.Clamp(request.MessageSizeMax, PacketLengthMin, PacketLengthMax);
        Span<byte> body = reply[(EthernetHeader.Size + HeadersLength)..(EthernetHeader.Size + packetMax)];

        body[..DhcpV4Message.OptionsOffset].Clear();
        body[0] = BootReply;
        body[1] = DhcpV4Message.HardwareEthernet;
        body[2] = MacAddress.Size;
        BinaryPrimitives.WriteUInt32BigEndian(body[DhcpV4Message.TransactionIdOffset..], request.TransactionId);
        BinaryPrimitives.WriteUInt16BigEndian(
            body[DhcpV4Message.FlagsOffset..], request.WantsBroadcast ? DhcpV4Message.BroadcastFlag : (ushort)0);
        if (!isNak)
        {
            request.ClientAddress.Write(body[DhcpV4Message.ClientAddressOffset..]);
            (isInform ? InetAddress.FromIPv4(0) : lease.Address).Write(body[DhcpV4Message.YourAddressOffset..]);
        }

        request.ClientMac.Write(body[DhcpV4Message.ClientMacOffset..]);
        BinaryPrimitives.WriteUInt32BigEndian(body[DhcpV4Message.CookieOffset..], DhcpV4Message.Cookie);

        var options = new OptionWriter(body[DhcpV4Message.OptionsOffset..]);
        options.Append(DhcpV4Options.MessageType, [(byte)type]);
        options.Append(DhcpV4Options.ServerIdentifier, lease.Server);
        if (request.ClientIdentifierLength > 0)
        {
            // RFC 6842: what the client is called is repeated, in a refusal too.
            options.Append(DhcpV4Options.ClientIdentifier, frame.Slice(request.ClientIdentifierOffset, request.ClientIdentifierLength));
        }

        if (!isNak)
        {
            AppendLease(ref options, in request, lease, isInform);
        }

        int length = Math.Max(MessageLengthMin, DhcpV4Message.OptionsOffset + options.Finish());
        InetAddress destination = isNak ? InetAddress.FromIPv4(uint.MaxValue)
            : !request.ClientAddress.IsUnspecified ? request.ClientAddress
            : request.WantsBroadcast ? InetAddress.FromIPv4(uint.MaxValue)
            : lease.Address;
        WriteHeaders(reply, body[..length], destination, request.ClientMac, lease.Server, serverMac);
        return EthernetHeader.Size + HeadersLength + length;
    }

    private static void AppendLease(ref OptionWriter options, in DhcpV4Message request, DhcpLease lease, bool isInform)
    {
        if (!isInform)
        {
            options.Append(DhcpV4Options.LeaseTime, lease.LeaseSeconds);
        }

        // The mask comes before the router (RFC 2132 §3.3).
        uint mask = lease.PrefixLength == 0 ? 0 : uint.MaxValue << (32 - lease.PrefixLength);
        options.Append(DhcpV4Options.SubnetMask, mask);
        if (Wants(in request, DhcpV4Options.Router) && lease.Router.IsIPv4)
        {
            options.Append(DhcpV4Options.Router, lease.Router);
        }

        if (Wants(in request, DhcpV4Options.DnsServers))
        {
            AppendDnsServers(ref options, lease);
        }

        Span<byte> routes = stackalloc byte[byte.MaxValue];
        routes = routes[..WriteRoutes(lease, routes)];
        if (Wants(in request, DhcpV4Options.ClasslessRoutes) && !routes.IsEmpty)
        {
            options.Append(DhcpV4Options.ClasslessRoutes, routes);
        }

        if (Wants(in request, DhcpV4Options.Mtu) && lease.Mtu >= MtuMin)
        {
            int mtu = Math.Min(lease.Mtu, ushort.MaxValue);
            options.Append(DhcpV4Options.Mtu, [(byte)(mtu >> 8), (byte)mtu]);
        }

        if (!isInform && Wants(in request, DhcpV4Options.RenewalTime))
        {
            options.Append(DhcpV4Options.RenewalTime, Part(lease.LeaseSeconds, 4));
        }

        if (!isInform && Wants(in request, DhcpV4Options.RebindingTime))
        {
            options.Append(DhcpV4Options.RebindingTime, Part(lease.LeaseSeconds, 7));
        }

        if (Wants(in request, DhcpV4Options.DomainName) && lease.DomainName.Length is > 0 and <= byte.MaxValue)
        {
            Span<byte> name = stackalloc byte[byte.MaxValue];
            if (Ascii.FromUtf16(lease.DomainName, name, out int length) == System.Buffers.OperationStatus.Done)
            {
                options.Append(DhcpV4Options.DomainName, name[..length]);
            }
        }

        // Windows before version 7 knows the routes by this number only; who asks for nothing in particular is not told twice.
        if (request.Parameters.Contains(DhcpV4Options.ClasslessRoutesOfMicrosoft) && !routes.IsEmpty)
        {
            options.Append(DhcpV4Options.ClasslessRoutesOfMicrosoft, routes);
        }
    }

    private static void AppendDnsServers(ref OptionWriter options, DhcpLease lease)
    {
        Span<byte> servers = stackalloc byte[byte.MaxValue];
        int length = 0;
        foreach (InetAddress server in lease.DnsServers)
        {
            if (server.IsIPv4 && length + IPv4Be.Size <= servers.Length)
            {
                server.Write(servers[length..]);
                length += IPv4Be.Size;
            }
        }

        if (length > 0)
        {
            options.Append(DhcpV4Options.DnsServers, servers[..length]);
        }
    }

    /// <summary>The routes, the default one first: a client that takes this option ignores the router option (RFC 3442).</summary>
    private static int WriteRoutes(DhcpLease lease, Span<byte> bytes)
    {
        if (lease.Routes.IsEmpty)
        {
            return 0;
        }

        int length = 0;
        if (lease.Router.IsIPv4)
        {
            length = WriteRoute(new DhcpRoute(IpPrefix.Create(InetAddress.FromIPv4(0), 0), lease.Router), bytes, length);
        }

        foreach (DhcpRoute route in lease.Routes)
        {
            bool isDefaultAgain = route.Destination.Length == 0 && lease.Router.IsIPv4;
            if (route.Destination.IsIPv4 && route.Router.IsIPv4 && !isDefaultAgain)
            {
                length = WriteRoute(route, bytes, length);
            }
        }

        return length;
    }

    private static int WriteRoute(DhcpRoute route, Span<byte> bytes, int at)
    {
        // Only the octets of the destination that matter are there.
        int octets = (route.Destination.Length + 7) / 8;
        int length = 1 + octets + IPv4Be.Size;
        if (length > bytes.Length - at)
        {
            return at;
        }

        Span<byte> destination = stackalloc byte[IPv4Be.Size];
        route.Destination.Address.Write(destination);
        bytes[at] = (byte)route.Destination.Length;
        destination[..octets].CopyTo(bytes[(at + 1)..]);
        route.Router.Write(bytes[(at + 1 + octets)..]);
        return at + length;
    }

    private static void WriteHeaders(
        Span<byte> reply, ReadOnlySpan<byte> body, InetAddress destination, MacAddress clientMac, InetAddress server, MacAddress serverMac)
    {
        new EthernetHeader
        {
            Destination = destination.IsLimitedBroadcast ? MacAddress.Broadcast : clientMac,
            Source = serverMac,
            EtherType = EtherTypes.IPv4,
        }.Write(reply);
        new IPv4Header
        {
            VersionAndLength = IPv4Header.VersionWithoutOptions,
            TotalLength = (ushort)(HeadersLength + body.Length),
            TimeToLive = TimeToLive,
            Protocol = IPProtocols.Udp,
            Source = server,
            Destination = destination,
        }.WithChecksum().Write(reply[EthernetHeader.Size..]);
        UdpHeader.WriteWithChecksum(
            server, destination, DhcpV4Message.ServerPort, DhcpV4Message.ClientPort, reply.Slice(EthernetHeader.Size + IPv4Header.Size, UdpHeader.Size + body.Length));
    }

    private static bool Wants(in DhcpV4Message request, byte code) => request.Parameters.IsEmpty || request.Parameters.Contains(code);

    /// <summary>So many eighths of a lease.</summary>
    private static uint Part(uint seconds, int eighths) => seconds == DhcpLease.Infinite ? seconds : (uint)((ulong)seconds * (uint)eighths / 8);

    /// <summary>Appends options; one that has no room is left out.</summary>
    private ref struct OptionWriter(Span<byte> room)
    {
        private readonly Span<byte> _room = room;
        private int _length;

        public void Append(byte code, scoped ReadOnlySpan<byte> value)
        {
            // One byte is kept for the end.
            if (value.Length > byte.MaxValue || _length + 2 + value.Length >= _room.Length)
            {
                return;
            }

            _room[_length] = code;
            _room[_length + 1] = (byte)value.Length;
            value.CopyTo(_room[(_length + 2)..]);
            _length += 2 + value.Length;
        }

        public void Append(byte code, InetAddress value) => Append(code, value.IPv4);

        public void Append(byte code, uint value)
        {
            Span<byte> bytes = stackalloc byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
            Append(code, bytes);
        }

        /// <summary>Ends the options and clears the rest, which may be sent as padding.</summary>
        public readonly int Finish()
        {
            _room[_length] = DhcpV4Options.End;
            _room[(_length + 1)..].Clear();
            return _length + 1;
        }
    }
}
