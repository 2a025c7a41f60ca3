using System.Buffers.Binary;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>A DHCPv6 server's side for one known client (RFC 8415 §18.3): the frame that answers, if any.</summary>
public static class DhcpV6Reply
{
    /// <summary>Room that every reply fits into: IPv6's minimum MTU, so that none needs a fragment.</summary>
    public const int FrameLengthMax = EthernetHeader.Size + PacketLengthMax;

    private const int PacketLengthMax = 1280;
    private const int HeadersLength = IPv6Header.Size + UdpHeader.Size;
    private const int OptionHeaderSize = 4;
    private const int DnsServersMax = 16;
    private const int DomainsLengthMax = 255;
    private const int LabelLengthMax = 63;
    private const byte HopLimit = 64;

    /// <summary>DUID type 3, by link-layer address (RFC 8415 §11.4), hardware type 1, and the MAC.</summary>
    private const int DuidLength = 4 + MacAddress.Size;

    /// <summary>Writes an untagged reply frame.</summary>
    /// <param name="frame">The request's frame.</param>
    /// <param name="packet">Its parse.</param>
    /// <param name="request">What it says.</param>
    /// <param name="lease">What is told.</param>
    /// <param name="reply">Takes up to <see cref="FrameLengthMax"/> bytes; must not overlap <paramref name="frame"/>.</param>
    /// <param name="length">The frame's length.</param>
    /// <returns>
    /// False for silence: the client has chosen another server, or asks to confirm no address. A request that has no room for its answer
    /// gets none either.
    /// </returns>
    public static bool TryWrite(
        ReadOnlySpan<byte> frame, in ParsedPacket packet, in DhcpV6Message request, DhcpV6Lease lease, Span<byte> reply, out int length)
    {
        length = 0;
        Span<byte> duid = stackalloc byte[DuidLength];
        BinaryPrimitives.WriteUInt32BigEndian(duid, 0x0003_0001);
        lease.ServerMac.Write(duid[4..]);
        if (request.ServerIdLength != 0 && !frame.Slice(request.ServerIdOffset, request.ServerIdLength).SequenceEqual(duid))
        {
            return false;
        }

        bool commits = request.Type != DhcpV6MessageType.Solicit || request.RapidCommit;
        Span<byte> body = reply[(EthernetHeader.Size + HeadersLength)..FrameLengthMax];
        BinaryPrimitives.WriteUInt32BigEndian(
            body, ((uint)(commits ? DhcpV6MessageType.Reply : DhcpV6MessageType.Advertise) << 24) | request.TransactionId);
        var options = new OptionWriter(body[DhcpV6Message.HeaderSize..]);
        if (request.ClientIdLength != 0)
        {
            options.Append(DhcpV6Options.ClientId, frame.Slice(request.ClientIdOffset, request.ClientIdLength));
        }

        options.Append(DhcpV6Options.ServerId, duid);
        if (request.Type == DhcpV6MessageType.Solicit && commits)
        {
            options.Append(DhcpV6Options.RapidCommit, []);
        }

        ReadOnlySpan<byte> asked = frame.Slice(request.OptionsOffset, request.OptionsLength);
        switch (request.Type)
        {
            case DhcpV6MessageType.Confirm:
                if (!TryConfirm(asked, lease, out ushort status))
                {
                    return false;
                }

                AppendStatus(ref options, status);
                break;
            case DhcpV6MessageType.Release or DhcpV6MessageType.Decline:
                AppendStatus(ref options, DhcpV6Options.Success);
                break;
            default:
                AppendAssociations(ref options, asked, lease);
                AppendNames(ref options, in request, lease);
                break;
        }

        if (options.IsFull)
        {
            return false;
        }

        int bodyLength = DhcpV6Message.HeaderSize + options.Length;
        WriteHeaders(reply, bodyLength, in packet, lease);
        length = EthernetHeader.Size + HeadersLength + bodyLength;
        return true;
    }

    /// <summary>Are the addresses the client has of this link? They are when all lie in its prefix.</summary>
    /// <returns>False when it names none, or the prefix is not known because it has no address (RFC 8415 §18.3.3).</returns>
    private static bool TryConfirm(ReadOnlySpan<byte> asked, DhcpV6Lease lease, out ushort status)
    {
        status = DhcpV6Options.Success;
        if (lease.Address.IsUnspecified)
        {
            return false;
        }

        bool any = false;
        IpPrefix link = IpPrefix.Create(lease.Address, lease.PrefixLength);
        var reader = new DhcpV6OptionReader(asked);
        while (reader.TryNext(out ushort code, out ReadOnlySpan<byte> association))
        {
            if (code != DhcpV6Options.IdentityAssociation)
            {
                continue;
            }

            var addresses = new DhcpV6OptionReader(association[DhcpV6Options.IdentityAssociationSize..]);
            while (addresses.TryNext(out ushort inner, out ReadOnlySpan<byte> value))
            {
                if (inner == DhcpV6Options.Address && value.Length >= DhcpV6Options.AddressSize)
                {
                    any = true;
                    status = link.Contains(InetAddress.ReadIPv6(value)) ? status : DhcpV6Options.NotOnLink;
                }
            }
        }

        return any;
    }

    /// <summary>
    /// One IA_NA for each that is asked for: the first gets the address, the others none. Addresses the client has that are not its own are
    /// told back with no lifetime (RFC 8415 §18.3.4).
    /// </summary>
    private static void AppendAssociations(ref OptionWriter options, ReadOnlySpan<byte> asked, DhcpV6Lease lease)
    {
        Span<byte> head = stackalloc byte[DhcpV6Options.IdentityAssociationSize];
        bool available = !lease.Address.IsUnspecified;
        var reader = new DhcpV6OptionReader(asked);
        while (reader.TryNext(out ushort code, out ReadOnlySpan<byte> association))
        {
            if (code != DhcpV6Options.IdentityAssociation)
            {
                continue;
            }

            association[..sizeof(uint)].CopyTo(head);
            BinaryPrimitives.WriteUInt32BigEndian(head[4..], available ? Part(lease.PreferredSeconds, 5) : 0);
            BinaryPrimitives.WriteUInt32BigEndian(head[8..], available ? Part(lease.PreferredSeconds, 8) : 0);
            int begun = options.Begin(DhcpV6Options.IdentityAssociation, head);
            if (available)
            {
                AppendAddress(ref options, lease.Address, lease.PreferredSeconds, lease.ValidSeconds);
            }
            else
            {
                AppendStatus(ref options, DhcpV6Options.NoAddressAvailable);
            }

            var addresses = new DhcpV6OptionReader(association[DhcpV6Options.IdentityAssociationSize..]);
            while (addresses.TryNext(out ushort inner, out ReadOnlySpan<byte> value))
            {
                if (inner == DhcpV6Options.Address && value.Length >= DhcpV6Options.AddressSize
                    && InetAddress.ReadIPv6(value) is var other && other != lease.Address && !other.IsIPv4)
                {
                    AppendAddress(ref options, other, 0, 0);
                }
            }

            options.End(begun);
            available = false;
        }
    }

    private static void AppendAddress(ref OptionWriter options, InetAddress address, uint preferred, uint valid)
    {
        Span<byte> bytes = stackalloc byte[DhcpV6Options.AddressSize];
        address.Write(bytes);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[16..], preferred);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[20..], Math.Max(preferred, valid));
        options.Append(DhcpV6Options.Address, bytes);
    }

    private static void AppendStatus(ref OptionWriter options, ushort status) =>
        options.Append(DhcpV6Options.StatusCode, [(byte)(status >> 8), (byte)status]);

    private static void AppendNames(ref OptionWriter options, in DhcpV6Message request, DhcpV6Lease lease)
    {
        if (request.WantsDnsServers)
        {
            Span<byte> servers = stackalloc byte[DnsServersMax * IPv6Be.Size];
            int length = 0;
            foreach (InetAddress server in lease.DnsServers)
            {
                if (!server.IsIPv4 && length < servers.Length)
                {
                    server.Write(servers[length..]);
                    length += IPv6Be.Size;
                }
            }

            if (length != 0)
            {
                options.Append(DhcpV6Options.DnsServers, servers[..length]);
            }
        }

        if (request.WantsDomains)
        {
            Span<byte> domains = stackalloc byte[DomainsLengthMax];
            int length = 0;
            foreach (string domain in lease.Domains)
            {
                length += WriteDomain(domain, domains[length..]);
            }

            if (length != 0)
            {
                options.Append(DhcpV6Options.Domains, domains[..length]);
            }
        }
    }

    /// <summary>A name in labels (RFC 1035 §3.1) without compression.</summary>
    /// <returns>Bytes; 0 when it is no name or has no room.</returns>
    private static int WriteDomain(ReadOnlySpan<char> name, Span<byte> bytes)
    {
        name = name.EndsWith('.') ? name[..^1] : name;
        if (name.IsEmpty || name.Length + 2 > bytes.Length)
        {
            return 0;
        }

        int label = 0;
        for (int i = 0; i <= name.Length; i++)
        {
            if (i < name.Length && name[i] != '.')
            {
                if (name[i] is <= ' ' or > '~')
                {
                    return 0;
                }

                bytes[i + 1] = (byte)name[i];
                continue;
            }

            int length = i - label;
            if (length is 0 or > LabelLengthMax)
            {
                return 0;
            }

            bytes[label] = (byte)length;
            label = i + 1;
        }

        bytes[name.Length + 1] = 0;
        return name.Length + 2;
    }

    private static void WriteHeaders(Span<byte> reply, int bodyLength, in ParsedPacket packet, DhcpV6Lease lease)
    {
        InetAddress client = packet.Ufid.Source;
        new EthernetHeader { Destination = packet.Ufid.SourceMac, Source = lease.ServerMac, EtherType = EtherTypes.IPv6 }.Write(reply);
        new IPv6Header
        {
            VersionClassLabel = IPv6Header.VersionOnly,
            PayloadLength = (ushort)(UdpHeader.Size + bodyLength),
            NextHeader = IPProtocols.Udp,
            HopLimit = HopLimit,
            Source = lease.Server,
            Destination = client,
        }.Write(reply[EthernetHeader.Size..]);
        UdpHeader.WriteWithChecksum(
            lease.Server, client, DhcpV6Message.ServerPort, DhcpV6Message.ClientPort,
            reply.Slice(EthernetHeader.Size + IPv6Header.Size, UdpHeader.Size + bodyLength));
    }

    /// <summary>So many tenths of a lifetime (RFC 8415 §21.4).</summary>
    private static uint Part(uint seconds, uint tenths) => seconds == DhcpV6Lease.Infinite ? seconds : (uint)((ulong)seconds * tenths / 10);

    /// <summary>Appends options; once one has no room the writer is full, because half an answer may be the wrong one.</summary>
    private ref struct OptionWriter(Span<byte> room)
    {
        private readonly Span<byte> _room = room;

        public int Length { get; private set; }

        public bool IsFull { get; private set; }

        public void Append(ushort code, scoped ReadOnlySpan<byte> value) => _ = Begin(code, value);

        /// <summary>Begins an option that holds others.</summary>
        /// <returns>What <see cref="End"/> takes.</returns>
        public int Begin(ushort code, scoped ReadOnlySpan<byte> value)
        {
            int at = Length;
            if (IsFull || OptionHeaderSize + value.Length > _room.Length - at)
            {
                IsFull = true;
                return at;
            }

            BinaryPrimitives.WriteUInt16BigEndian(_room[at..], code);
            BinaryPrimitives.WriteUInt16BigEndian(_room[(at + 2)..], (ushort)value.Length);
            value.CopyTo(_room[(at + OptionHeaderSize)..]);
            Length = at + OptionHeaderSize + value.Length;
            return at;
        }

        public readonly void End(int begun)
        {
            if (!IsFull)
            {
                BinaryPrimitives.WriteUInt16BigEndian(_room[(begun + 2)..], (ushort)(Length - begun - OptionHeaderSize));
            }
        }
    }
}
