using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Linux.Netlink;

public sealed unsafe partial class RouteSocket
{
    private const int AddressHeaderSize = 8;
    private const int NeighbourHeaderSize = 12;

    /// <summary>All addresses of the namespace, IPv4 and IPv6.</summary>
    public IReadOnlyList<AddressInfo> Addresses() => Dump<AddressInfo>(
        static () =>
        {
            NetlinkRequest request = new(Interop.RTM_GETADDR, Interop.NLM_F_DUMP, "list addresses", "rtnetlink");
            request.Fixed(AddressHeaderSize);
            return request;
        },
        static result => (type, body) => Read(type, body, result));

    /// <summary>Adds an address; one that is there already is success. IPv6 skips duplicate address detection, so it is usable at once.</summary>
    public void AddAddress(LinkInfo link, InetAddress address, int prefixLength)
    {
        NetlinkRequest request = AddressRequest(
            Interop.RTM_NEWADDR, Interop.NLM_F_ACK | Interop.NLM_F_CREATE | Interop.NLM_F_REPLACE, "add", link, address, prefixLength);
        if (!address.IsIPv4)
        {
            request.Attribute(Interop.IFA_FLAGS, Interop.IFA_F_NODAD);
        }

        Execute(request);
    }

    /// <summary>Takes an address away. Absent is success.</summary>
    public void DeleteAddress(LinkInfo link, InetAddress address, int prefixLength)
    {
        try
        {
            Execute(AddressRequest(Interop.RTM_DELADDR, Interop.NLM_F_ACK, "delete", link, address, prefixLength));
        }
        catch (LinuxException exception) when (exception.IsNotFound)
        {
        }
    }

    /// <summary>What the namespace knows about its neighbours (ARP and ND).</summary>
    public IReadOnlyList<NeighbourInfo> Neighbours() => Dump<NeighbourInfo>(
        static () =>
        {
            NetlinkRequest request = new(Interop.RTM_GETNEIGH, Interop.NLM_F_DUMP, "list neighbours", "rtnetlink");
            request.Fixed(NeighbourHeaderSize);
            return request;
        },
        static result => (type, body) =>
        {
            if (type != Interop.RTM_NEWNEIGH || body.Length < NeighbourHeaderSize)
            {
                return;
            }

            InetAddress address = default;
            MacAddress mac = default;
            NetlinkAttributes attributes = new(body[NeighbourHeaderSize..]);
            while (attributes.Next())
            {
                address = attributes.Type == Interop.NDA_DST ? attributes.Address : address;
                mac = attributes.Type == Interop.NDA_LLADDR ? attributes.Mac : mac;
            }

            result.Add(new NeighbourInfo(MemoryMarshal.Read<int>(body[4..]), address, mac, MemoryMarshal.Read<ushort>(body[8..])));
        });

    /// <summary>Sets a permanent neighbour, replacing what was learned.</summary>
    public void SetNeighbour(LinkInfo link, InetAddress address, MacAddress mac)
    {
        NetlinkRequest request = new(
            Interop.RTM_NEWNEIGH, Interop.NLM_F_ACK | Interop.NLM_F_CREATE | Interop.NLM_F_REPLACE, $"set neighbour {address}", link.Name);
        Span<byte> header = request.Fixed(NeighbourHeaderSize);
        header[0] = Family(address);
        MemoryMarshal.Write(header[4..], link.Index);
        MemoryMarshal.Write(header[8..], Interop.NUD_PERMANENT);
        Execute(request.Attribute(Interop.NDA_DST, address).Attribute(Interop.NDA_LLADDR, mac));
    }

    /// <summary>
    /// Tells the kernel that a neighbour is in use, as if it had sent a packet to it: what it has not heard from for long is asked again.
    /// </summary>
    public void Confirm(int linkIndex, InetAddress address)
    {
        NetlinkRequest request = new(Interop.RTM_NEWNEIGH, Interop.NLM_F_ACK | Interop.NLM_F_CREATE | Interop.NLM_F_REPLACE, "use neighbour", address.ToString());
        Span<byte> header = request.Fixed(NeighbourHeaderSize);
        header[0] = Family(address);
        MemoryMarshal.Write(header[4..], linkIndex);
        header[10] = Interop.NTF_USE;
        Execute(request.Attribute(Interop.NDA_DST, address));
    }

    private static NetlinkRequest AddressRequest(ushort type, ushort flags, string verb, LinkInfo link, InetAddress address, int prefixLength)
    {
        NetlinkRequest request = new(type, flags, $"{verb} address {address}/{prefixLength}", link.Name);
        Span<byte> header = request.Fixed(AddressHeaderSize);
        header[0] = Family(address);
        header[1] = (byte)prefixLength;
        MemoryMarshal.Write(header[4..], link.Index);
        return request.Attribute(Interop.IFA_LOCAL, address).Attribute(Interop.IFA_ADDRESS, address);
    }

    private static void Read(ushort type, ReadOnlySpan<byte> body, List<AddressInfo> result)
    {
        if (type != Interop.RTM_NEWADDR || body.Length < AddressHeaderSize)
        {
            return;
        }

        InetAddress? local = null, address = null;
        NetlinkAttributes attributes = new(body[AddressHeaderSize..]);
        while (attributes.Next())
        {
            local = attributes.Type == Interop.IFA_LOCAL ? attributes.Address : local;
            address = attributes.Type == Interop.IFA_ADDRESS ? attributes.Address : address;
        }

        if ((local ?? address) is InetAddress found)
        {
            result.Add(new AddressInfo(MemoryMarshal.Read<int>(body[4..]), found, body[1]));
        }
    }

    private static byte Family(InetAddress address) => address.IsIPv4 ? (byte)Interop.AF_INET : (byte)Interop.AF_INET6;
}
