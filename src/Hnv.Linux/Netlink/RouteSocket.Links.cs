using System.Runtime.InteropServices;
using Hnv.Primitives;

namespace Hnv.Linux.Netlink;

public sealed unsafe partial class RouteSocket
{
    private const int LinkHeaderSize = 16;

    /// <summary>All devices of the namespace.</summary>
    public IReadOnlyList<LinkInfo> Links() => Dump<LinkInfo>(
        static () =>
        {
            NetlinkRequest request = new(Interop.RTM_GETLINK, Interop.NLM_F_DUMP, "list devices", "rtnetlink");
            request.Fixed(LinkHeaderSize);
            return request;
        },
        static result => (type, body) => Read(type, body, result));

    /// <returns>The device of that name; null when there is none.</returns>
    public LinkInfo? TryGetLink(string name)
    {
        List<LinkInfo> result = [];
        NetlinkRequest request = new(Interop.RTM_GETLINK, Interop.NLM_F_ACK, "look up device", name);
        request.Fixed(LinkHeaderSize);
        request.Attribute(Interop.IFLA_IFNAME, CheckedName(name));
        try
        {
            Exchange(request, (type, body) => Read(type, body, result));
        }
        catch (LinuxException exception) when (exception.IsNotFound)
        {
            return null;
        }

        return result is [LinkInfo link] ? link : null;
    }

    /// <summary>The device of that name.</summary>
    /// <exception cref="LinuxException">There is none.</exception>
    public LinkInfo GetLink(string name) => TryGetLink(name) ?? throw new LinuxException("look up device", name, Interop.ENODEV);

    /// <summary>Makes a veth pair; the peer is born in its own namespace when one is given.</summary>
    public void CreateVeth(string name, string peerName, NetworkNamespace? peerNamespace = null, int? mtu = null)
    {
        NetlinkRequest request = NewLink(name);
        AddMtu(request, mtu);
        int info = request.Begin(Interop.IFLA_LINKINFO);
        request.Attribute(Interop.IFLA_INFO_KIND, "veth");
        int data = request.Begin(Interop.IFLA_INFO_DATA);
        int peer = request.Begin(Interop.VETH_INFO_PEER, LinkHeaderSize);
        request.Attribute(Interop.IFLA_IFNAME, CheckedName(peerName));
        AddMtu(request, mtu);
        if (peerNamespace is not null)
        {
            request.Attribute(Interop.IFLA_NET_NS_FD, (uint)peerNamespace.Handle.DangerousGetHandle());
        }

        request.End(peer);
        request.End(data);
        request.End(info);
        Execute(request);
    }

    /// <summary>
    /// Makes a macvlan in bridge mode over a device of this namespace, in the target namespace from its first moment. The lower device
    /// keeps its addresses and traffic.
    /// </summary>
    public void CreateMacvlan(string name, LinkInfo lower, NetworkNamespace target, MacAddress mac, int mtu)
    {
        NetlinkRequest request = NewLink(name);
        request.Attribute(Interop.IFLA_LINK, (uint)lower.Index)
            .Attribute(Interop.IFLA_ADDRESS, mac)
            .Attribute(Interop.IFLA_NET_NS_FD, (uint)target.Handle.DangerousGetHandle());
        AddMtu(request, mtu);
        int info = request.Begin(Interop.IFLA_LINKINFO);
        request.Attribute(Interop.IFLA_INFO_KIND, "macvlan");
        int data = request.Begin(Interop.IFLA_INFO_DATA);
        request.Attribute(Interop.IFLA_MACVLAN_MODE, Interop.MACVLAN_MODE_BRIDGE);
        request.End(data);
        request.End(info);
        Execute(request);
    }

    /// <summary>Brings the device up.</summary>
    public void SetUp(string name) => Change(name, "bring up", static _ => { }, Interop.IFF_UP);

    /// <summary>Takes the device down.</summary>
    public void SetDown(string name) => Change(name, "take down", static _ => { }, 0);

    /// <summary>Sets the MTU, bytes of layer 3.</summary>
    public void SetMtu(string name, int mtu) => Change(name, $"set mtu {mtu}", request => request.Attribute(Interop.IFLA_MTU, (uint)mtu));

    /// <summary>Sets the MAC.</summary>
    public void SetMac(string name, MacAddress mac) => Change(name, $"set address {mac}", request => request.Attribute(Interop.IFLA_ADDRESS, mac));

    /// <summary>Renames the device; most kinds must be down.</summary>
    public void Rename(string name, string newName) =>
        Change(name, $"rename to {newName}", request => request.Attribute(Interop.IFLA_IFNAME, CheckedName(newName)));

    /// <summary>Moves the device into another namespace; it loses its addresses and goes down.</summary>
    public void Move(string name, NetworkNamespace target) =>
        Change(name, $"move to {target.Name}", request => request.Attribute(Interop.IFLA_NET_NS_FD, (uint)target.Handle.DangerousGetHandle()));

    /// <summary>Deletes the device. Absent is success.</summary>
    public void DeleteLink(string name)
    {
        if (TryGetLink(name) is not LinkInfo link)
        {
            return;
        }

        NetlinkRequest request = new(Interop.RTM_DELLINK, Interop.NLM_F_ACK, "delete device", name);
        MemoryMarshal.Write(request.Fixed(LinkHeaderSize)[4..], link.Index);
        try
        {
            Execute(request);
        }
        catch (LinuxException exception) when (exception.IsNotFound)
        {
            // Gone between the question and the order.
        }
    }

    private void Change(string name, string operation, Action<NetlinkRequest> edit, uint? up = null)
    {
        NetlinkRequest request = new(Interop.RTM_NEWLINK, Interop.NLM_F_ACK, operation, name);
        Span<byte> header = request.Fixed(LinkHeaderSize);
        MemoryMarshal.Write(header[4..], GetLink(name).Index);
        if (up is uint flags)
        {
            MemoryMarshal.Write(header[8..], flags);
            MemoryMarshal.Write(header[12..], Interop.IFF_UP);
        }

        edit(request);
        Execute(request);
    }

    private static NetlinkRequest NewLink(string name)
    {
        NetlinkRequest request = new(
            Interop.RTM_NEWLINK, Interop.NLM_F_ACK | Interop.NLM_F_CREATE | Interop.NLM_F_EXCL, "create device", name);
        request.Fixed(LinkHeaderSize);
        return request.Attribute(Interop.IFLA_IFNAME, CheckedName(name));
    }

    private static void AddMtu(NetlinkRequest request, int? mtu)
    {
        if (mtu is int value)
        {
            request.Attribute(Interop.IFLA_MTU, (uint)value);
        }
    }

    private static string CheckedName(string name) =>
        name.Length is > 0 and <= 15 && !name.AsSpan().ContainsAny("/ \t\n:") && name is not ("." or "..")
            ? name
            : throw new ArgumentException($"'{name}' cannot be the name of a network device: 1 to 15 characters without space, '/' and ':'.", nameof(name));

    private static void Read(ushort type, ReadOnlySpan<byte> body, List<LinkInfo> result)
    {
        if (type != Interop.RTM_NEWLINK || body.Length < LinkHeaderSize)
        {
            return;
        }

        string name = "", kind = "";
        int mtu = 0, master = 0, lower = 0;
        MacAddress mac = default;
        byte state = 0;
        NetlinkAttributes attributes = new(body[LinkHeaderSize..]);
        while (attributes.Next())
        {
            switch (attributes.Type)
            {
                case Interop.IFLA_IFNAME: name = attributes.Text; break;
                case Interop.IFLA_MTU: mtu = (int)attributes.UInt32; break;
                case Interop.IFLA_ADDRESS: mac = attributes.Mac; break;
                case Interop.IFLA_MASTER: master = (int)attributes.UInt32; break;
                case Interop.IFLA_LINK: lower = (int)attributes.UInt32; break;
                case Interop.IFLA_OPERSTATE: state = attributes.Value[0]; break;
                case Interop.IFLA_LINKINFO:
                    NetlinkAttributes info = new(attributes.Value);
                    while (info.Next())
                    {
                        kind = info.Type == Interop.IFLA_INFO_KIND ? info.Text : kind;
                    }

                    break;
                default: break;
            }
        }

        uint flags = MemoryMarshal.Read<uint>(body[8..]);
        result.Add(new LinkInfo(
            MemoryMarshal.Read<int>(body[4..]), name, kind, mtu, mac, (flags & Interop.IFF_UP) != 0, state == Interop.IF_OPER_UP, master, lower));
    }
}
