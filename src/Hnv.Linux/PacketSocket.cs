using Hnv.Linux.Bpf;
using Hnv.Linux.Netlink;
using Hnv.Primitives;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>
/// Raw access to one network device (packet(7)): every frame the device receives, super-packets whole, each behind a
/// <see cref="VirtioNetHeader"/>; what is written leaves by the device. Opened in the calling thread's network namespace.
/// </summary>
public sealed unsafe class PacketSocket : DatagramSocket
{
    /// <summary>Addresses of <see cref="LimitDestinations"/> at the most: the kernel takes 4,096 instructions.</summary>
    public const int DestinationMax = 800;

    private const int BufferBytes = 16 * 1024 * 1024;
    private const int PuntBufferBytes = 64 * 1024 * 1024;

    private const int LinkAddressSize = 20;

    private readonly int _linkIndex;

    private PacketSocket(SafeFileHandle handle, LinkInfo link, bool walled)
        : base(handle, link.Name)
    {
        _linkIndex = link.Index;
        IsWalled = walled;

        // With this address the kernel looks into each frame for its protocol; without, it would believe that all are of the one that is listened to, and
        // could not cut super-packets.
        Interop.sockaddr_ll address = AddressOf(link.Index, Interop.ETH_P_ALL);
        SendAddress = new PinnedBuffer(LinkAddressSize);
        new ReadOnlySpan<byte>(&address, LinkAddressSize).CopyTo(SendAddress.Slice(0, LinkAddressSize));
    }

    /// <summary>
    /// True while the device exists in the calling thread's namespace, up or down: a socket follows its device through down and up, but
    /// not into another namespace or beyond its end.
    /// </summary>
    public bool IsDevicePresent => Interop.if_nametoindex(Name) == (uint)_linkIndex;

    /// <summary>True when the device's frames are kept from the host's own IP stack.</summary>
    public bool IsWalled { get; private set; }

    /// <summary>Opens a device to look at it: what it receives and, on request, what it sends. Nothing about the device changes but promiscuity.</summary>
    public static PacketSocket Open(string device, bool ignoreOutgoing = true) => Open(device, ignoreOutgoing, walled: false, Interop.ETH_P_ALL);

    /// <summary>
    /// Opens a device as a VM's port: besides <see cref="Open(string, bool)"/> the host's own stack neither hears nor speaks on it, so a
    /// guest cannot reach the host. That stays after a crash and is undone by <see cref="Release"/>.
    /// </summary>
    /// <exception cref="LinuxException">No such device, it is down, or the process may not.</exception>
    public static PacketSocket OpenPort(string device) => Open(device, ignoreOutgoing: true, walled: true, Interop.ETH_P_ALL);

    /// <summary>
    /// Opens a VM's port to send alone: what it receives is for a program on its ingress hook, which takes the wall's place. The socket still hears
    /// when the device is gone.
    /// </summary>
    /// <inheritdoc cref="OpenPort"/>
    public static PacketSocket OpenPortToSend(string device) => Open(device, ignoreOutgoing: true, walled: true, Interop.ETH_P_802_EX1);

    /// <summary>Keeps what arrives on a device of the calling thread's namespace from the host's own stack, in place of a program of the fast path.</summary>
    /// <exception cref="LinuxException">There is no such device.</exception>
    public static void Wall(string device) => DeviceFilters.EnsureWall(device, present: true);

    /// <summary>From now on reads what the device receives, or no longer does.</summary>
    public void Listen(bool listens) => Bind(Handle, _linkIndex, listens ? Interop.ETH_P_ALL : Interop.ETH_P_802_EX1, Name);

    /// <summary>Opens a device over which a program hands packets to this process, each with its mark (<see cref="ReceiveBatch.Ancillary.Mark"/>).</summary>
    /// <inheritdoc cref="OpenPort"/>
    public static PacketSocket OpenPunt(string device)
    {
        PacketSocket socket = OpenPort(device);
        SocketOptions.Set(socket.Handle, Interop.SOL_SOCKET, Interop.SO_RCVMARK, 1, "SO_RCVMARK", device);
        SocketOptions.SetBuffers(socket.Handle, PuntBufferBytes, 4096);
        return socket;
    }

    /// <summary>
    /// Takes the wall away, if the device is still there, and closes the socket. Disposing alone leaves the wall standing, as a crash does:
    /// a guest whose switch is away must not meet the host.
    /// </summary>
    /// <param name="home">The namespace the socket was opened in.</param>
    public void Release(NetworkNamespace home)
    {
        if (IsWalled)
        {
            IsWalled = false;
            try
            {
                home.Run(() => DeviceFilters.EnsureWall(Name, present: false));
            }
            catch (LinuxException)
            {
                // The device is gone, and the wall with it.
            }
        }

        Dispose();
    }

    /// <summary>
    /// From now on lets in only frames to group addresses and to these; of more than <see cref="DestinationMax"/> every frame. The kernel sorts out
    /// the rest before it costs more than a few instructions.
    /// </summary>
    /// <returns>False when every frame comes in.</returns>
    public bool LimitDestinations(IReadOnlyCollection<MacAddress> destinations)
    {
        const ushort loadByte = 0x30, loadHalf = 0x28, loadWord = 0x20, jumpIfEqual = 0x15, jumpIfSet = 0x45, returns = 0x06;
        bool isLimited = destinations.Count <= DestinationMax;
        List<Interop.sock_filter> program =
        [
            new() { code = loadByte, k = 0 },
            new() { code = jumpIfSet, k = 1, jf = 1 },
            new() { code = returns, k = uint.MaxValue },
        ];
        foreach (MacAddress mac in isLimited ? destinations : [])
        {
            program.Add(new() { code = loadWord, k = 0 });
            program.Add(new() { code = jumpIfEqual, k = (uint)(mac.Value >> 16), jf = 3 });
            program.Add(new() { code = loadHalf, k = 4 });
            program.Add(new() { code = jumpIfEqual, k = (ushort)mac.Value, jf = 1 });
            program.Add(new() { code = returns, k = uint.MaxValue });
        }

        program.Add(new() { code = returns, k = isLimited ? 0 : uint.MaxValue });
        Attach(program);
        return isLimited;
    }

    /// <summary>From now on lets in only frames that have one of these words, in network order, at its offset.</summary>
    /// <param name="words">In ascending order of their offsets: a frame too short for one is not looked at for the next.</param>
    public void LimitToWords(params ReadOnlySpan<(int Offset, uint Word)> words)
    {
        const ushort loadWord = 0x20, jumpIfEqual = 0x15, returns = 0x06;
        List<Interop.sock_filter> program = [];
        foreach ((int offset, uint word) in words)
        {
            program.Add(new() { code = loadWord, k = (uint)offset });
            program.Add(new() { code = jumpIfEqual, k = word, jf = 1 });
            program.Add(new() { code = returns, k = uint.MaxValue });
        }

        program.Add(new() { code = returns, k = 0 });
        Attach(program);
    }

    private void Attach(List<Interop.sock_filter> program)
    {
        fixed (Interop.sock_filter* instructions = program.ToArray())
        {
            Interop.sock_fprog filter = new() { len = (ushort)program.Count, filter = instructions };
            if (Interop.setsockopt(Handle, Interop.SOL_SOCKET, Interop.SO_ATTACH_FILTER, &filter, (uint)sizeof(Interop.sock_fprog)) != 0)
            {
                throw LinuxException.Last("SO_ATTACH_FILTER", Name);
            }
        }
    }

    /// <summary>How much may wait to be read, bytes, the kernel's own bookkeeping of each frame included; null is as much as ever.</summary>
    public void SetBacklog(int? bytes) => SocketOptions.SetReceiveBuffer(Handle, bytes is { } limit ? limit / 2 : BufferBytes);

    /// <summary>Frames that the kernel could not queue for us since the last call.</summary>
    public long TakeKernelDrops()
    {
        (uint Packets, uint Drops) statistics = default;
        uint length = 8;
        return Interop.getsockopt(Handle, Interop.SOL_PACKET, Interop.PACKET_STATISTICS, &statistics, &length) == 0 ? statistics.Drops : 0;
    }

    private static PacketSocket Open(string device, bool ignoreOutgoing, bool walled, ushort protocol)
    {
        LinkInfo link;
        using (RouteSocket route = RouteSocket.Open())
        {
            link = route.GetLink(device);
        }

        // Protocol 0: nothing is delivered before bind names the device, else the first frames would come from all devices.
        SafeFileHandle handle = Create(Interop.AF_PACKET, Interop.SOCK_RAW, 0, device);
        try
        {
            SocketOptions.Set(handle, Interop.SOL_PACKET, Interop.PACKET_VNET_HDR, 1, "PACKET_VNET_HDR", device);
            SocketOptions.Set(handle, Interop.SOL_PACKET, Interop.PACKET_AUXDATA, 1, "PACKET_AUXDATA", device);
            SocketOptions.Set(handle, Interop.SOL_PACKET, Interop.PACKET_IGNORE_OUTGOING, ignoreOutgoing ? 1 : 0, "PACKET_IGNORE_OUTGOING", device);
            SocketOptions.SetBuffers(handle, BufferBytes, BufferBytes);

            Interop.packet_mreq promiscuous = new() { mr_ifindex = link.Index, mr_type = Interop.PACKET_MR_PROMISC };
            if (Interop.setsockopt(handle, Interop.SOL_PACKET, Interop.PACKET_ADD_MEMBERSHIP, &promiscuous, (uint)sizeof(Interop.packet_mreq)) != 0)
            {
                throw LinuxException.Last("PACKET_ADD_MEMBERSHIP(PACKET_MR_PROMISC)", device);
            }

            Bind(handle, link.Index, protocol, device);
            if (walled)
            {
                // A socket that only sends leaves the program in place that keeps the device from the host as the wall does.
                if (protocol == Interop.ETH_P_ALL || !DeviceFilters.HasPortProgram(device))
                {
                    DeviceFilters.EnsureWall(device, present: true);
                }

                QuietIPv6(device);
            }

            return new PacketSocket(handle, link, walled);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    private static void Bind(SafeFileHandle handle, int link, ushort protocol, string device)
    {
        Interop.sockaddr_ll address = AddressOf(link, protocol);
        if (Interop.bind(handle, &address, LinkAddressSize) != 0)
        {
            throw LinuxException.Last("bind(AF_PACKET)", device);
        }
    }

    private static Interop.sockaddr_ll AddressOf(int link, ushort protocol) => new()
    {
        sll_family = Interop.AF_PACKET,
        sll_protocol = Swap(protocol),
        sll_ifindex = link,
    };

    /// <summary>Keeps the host's router solicitations and multicast reports away from the guest; best effort.</summary>
    private static void QuietIPv6(string device)
    {
        try
        {
            File.WriteAllText($"/proc/sys/net/ipv6/conf/{device}/disable_ipv6", "1");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
        }
    }

    private static ushort Swap(ushort value) => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(value);
}
