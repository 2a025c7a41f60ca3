namespace Hnv.Linux;

internal static unsafe partial class Interop
{
    // errno
    internal const int EPERM = 1, ENOENT = 2, EINTR = 4, ENXIO = 6, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EBUSY = 16, EEXIST = 17,
        ENODEV = 19, EINVAL = 22, ENOTTY = 25, ESRCH = 3, EMSGSIZE = 90, ENOPROTOOPT = 92, EPROTONOSUPPORT = 93, EOPNOTSUPP = 95,
        EAFNOSUPPORT = 97, EADDRINUSE = 98, EADDRNOTAVAIL = 99, ENETDOWN = 100, ENETUNREACH = 101, ENOBUFS = 105, EHOSTUNREACH = 113,
        ECONNREFUSED = 111, EBADFD = 77, EIO = 5;

    // fcntl.h
    internal const int O_RDONLY = 0, O_RDWR = 2, O_CREAT = 0x40, O_EXCL = 0x80, O_NONBLOCK = 0x800, O_CLOEXEC = 0x80000;

    // sched.h, sys/mount.h, linux/nsfs.h
    internal const int CLONE_NEWNET = 0x40000000;
    internal const int MS_BIND = 0x1000, MS_REC = 0x4000, MS_SHARED = 1 << 20, MNT_DETACH = 2;
    internal const nuint NS_GET_NSTYPE = 0xb703;

    // linux/sockios.h, linux/ethtool.h
    internal const nuint SIOCETHTOOL = 0x8946;
    internal const uint ETHTOOL_GSTRINGS = 0x1b, ETHTOOL_GSSET_INFO = 0x37, ETHTOOL_GFEATURES = 0x3a, ETH_SS_FEATURES = 4;

    // sys/socket.h
    internal const int AF_INET = 2, AF_INET6 = 10, AF_NETLINK = 16, AF_PACKET = 17, AF_UNSPEC = 0;
    internal const int SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_NONBLOCK = 0x800, SOCK_CLOEXEC = 0x80000;
    internal const int SOL_SOCKET = 1, SOL_IP = 0, SOL_UDP = 17, SOL_IPV6 = 41, SOL_RAW = 255, SOL_PACKET = 263, SOL_NETLINK = 270;
    internal const int SO_MARK = 36, SO_RCVMARK = 75;
    internal const int SO_REUSEADDR = 2, SO_SNDBUF = 7, SO_RCVBUF = 8, SO_RCVTIMEO = 20, SO_REUSEPORT = 15, SO_ATTACH_FILTER = 26,
        SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE = 33;
    internal const int MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_NOSIGNAL = 0x4000;

    // netinet/in.h, linux/udp.h
    internal const int IPPROTO_ICMP = 1, IPPROTO_UDP = 17, IPPROTO_GRE = 47, IPPROTO_ICMPV6 = 58;
    internal const int IP_TOS = 1, IP_TTL = 2, IP_MTU_DISCOVER = 10, IP_RECVTOS = 13, IP_MTU = 14, IP_PMTUDISC_PROBE = 3;
    internal const int IPV6_V6ONLY = 26, IPV6_MTU_DISCOVER = 23, IPV6_MTU = 24, IPV6_RECVTCLASS = 66, IPV6_TCLASS = 67, IPV6_UNICAST_HOPS = 16;
    internal const int UDP_NO_CHECK6_RX = 102, UDP_SEGMENT = 103, UDP_GRO = 104;

    // linux/icmp.h, linux/icmpv6.h
    internal const int ICMP_FILTER = 1, ICMPV6_FILTER = 1;

    // linux/if_packet.h, linux/if_ether.h
    internal const uint TP_STATUS_VLAN_VALID = 0x10;
    internal const int PACKET_ADD_MEMBERSHIP = 1, PACKET_STATISTICS = 6, PACKET_AUXDATA = 8, PACKET_VNET_HDR = 15,
        PACKET_QDISC_BYPASS = 20, PACKET_IGNORE_OUTGOING = 23;
    internal const byte PACKET_OUTGOING = 4;
    internal const ushort PACKET_MR_PROMISC = 1, ETH_P_ALL = 0x0003, ETH_P_802_EX1 = 0x88B5;

    // sys/epoll.h, sys/eventfd.h
    internal const int EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3, EPOLL_CLOEXEC = 0x80000, EFD_CLOEXEC = 0x80000, EFD_NONBLOCK = 0x800;
    internal const uint EPOLLIN = 1, EPOLLERR = 8, EPOLLHUP = 16;

    // linux/if_tun.h
    internal const nuint TUNSETIFF = 0x400454ca, TUNSETPERSIST = 0x400454cb, TUNSETOFFLOAD = 0x400454d0, TUNSETVNETHDRSZ = 0x400454d8;
    internal const short IFF_TAP = 0x0002, IFF_NO_PI = 0x1000, IFF_VNET_HDR = 0x4000;
    internal const nint TUN_F_CSUM = 1, TUN_F_TSO4 = 2, TUN_F_TSO6 = 4, TUN_F_TSO_ECN = 8, TUN_F_USO4 = 0x20, TUN_F_USO6 = 0x40;

    // linux/netlink.h
    internal const int NETLINK_ROUTE = 0, NETLINK_CAP_ACK = 10, NETLINK_EXT_ACK = 11, NETLINK_GET_STRICT_CHK = 12;
    internal const ushort NLMSG_NOOP = 1, NLMSG_ERROR = 2, NLMSG_DONE = 3;
    internal const ushort NLM_F_REQUEST = 1, NLM_F_MULTI = 2, NLM_F_ACK = 4, NLM_F_DUMP_INTR = 0x10, NLM_F_REPLACE = 0x100, NLM_F_EXCL = 0x200,
        NLM_F_DUMP = 0x300, NLM_F_CREATE = 0x400, NLM_F_CAPPED = 0x100, NLM_F_ACK_TLVS = 0x200;
    internal const ushort NLA_F_NESTED = 0x8000, NLA_TYPE_MASK = 0x3fff, NLMSGERR_ATTR_MSG = 1;

    // linux/rtnetlink.h
    internal const ushort RTM_NEWLINK = 16, RTM_DELLINK = 17, RTM_GETLINK = 18, RTM_SETLINK = 19, RTM_NEWADDR = 20, RTM_DELADDR = 21,
        RTM_GETADDR = 22, RTM_NEWROUTE = 24, RTM_DELROUTE = 25, RTM_GETROUTE = 26, RTM_NEWNEIGH = 28, RTM_DELNEIGH = 29, RTM_GETNEIGH = 30,
        RTM_NEWRULE = 32, RTM_DELRULE = 33, RTM_GETRULE = 34;
    internal const byte RT_SCOPE_UNIVERSE = 0, RT_SCOPE_LINK = 253, RTN_UNICAST = 1, FR_ACT_TO_TBL = 1, RT_TABLE_UNSPEC = 0;
    internal const ushort RTA_DST = 1, RTA_OIF = 4, RTA_GATEWAY = 5, RTA_PRIORITY = 6, RTA_PREFSRC = 7, RTA_TABLE = 15;
    internal const ushort FRA_SRC = 2, FRA_PRIORITY = 6, FRA_TABLE = 15;
    internal const ushort NDA_DST = 1, NDA_LLADDR = 2, NUD_PERMANENT = 0x80, NUD_VALID = 0xDE;
    internal const byte NTF_USE = 1;

    // linux/if.h, linux/if_link.h, linux/if_addr.h, linux/veth.h
    internal const uint IFF_UP = 1;
    internal const ushort IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_LINK = 5, IFLA_MASTER = 10, IFLA_OPERSTATE = 16,
        IFLA_LINKINFO = 18, IFLA_NET_NS_FD = 28, IFLA_LINK_NETNSID = 37, IFLA_INFO_KIND = 1, IFLA_INFO_DATA = 2, IFLA_MACVLAN_MODE = 1,
        VETH_INFO_PEER = 1, IFLA_EXT_MASK = 29;
    internal const uint MACVLAN_MODE_BRIDGE = 4;
    internal const ushort IFA_ADDRESS = 1, IFA_LOCAL = 2, IFA_FLAGS = 8;
    internal const uint IFA_F_NODAD = 2;
    internal const byte IF_OPER_UP = 6;

    // linux/bpf.h
    internal const int BPF_MAP_LOOKUP_ELEM = 1, BPF_MAP_UPDATE_ELEM = 2, BPF_MAP_DELETE_ELEM = 3, BPF_PROG_TEST_RUN = 10, BPF_MAP_LOOKUP_BATCH = 24,
        BPF_MAP_UPDATE_BATCH = 26, BPF_MAP_DELETE_BATCH = 27;
    internal const int BPF_PROG_LOAD = 5, BPF_OBJ_GET = 7, BPF_PROG_ATTACH = 8, BPF_PROG_DETACH = 9, BPF_PROG_GET_FD_BY_ID = 13, BPF_OBJ_GET_INFO_BY_FD = 15,
        BPF_PROG_QUERY = 16;
    internal const uint BPF_PROG_TYPE_SCHED_CLS = 3, BPF_TCX_INGRESS = 46, BPF_TCX_EGRESS = 47;
    internal const uint BPF_F_REPLACE = 4;
    internal const int BPF_OBJ_NAME_LEN = 16;

    /// <summary>The number of bpf(2), which the C library does not wrap.</summary>
    internal static nint NR_bpf =>
        System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? 280 : 321;
}
