using System.Text;
using Hnv.Linux.Netlink;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>
/// A TAP device held at its character-device end, as QEMU holds it: what is written here arrives on the network device as if from a
/// guest, and what the switch sends to the device is read here. Frames stand behind a <see cref="VirtioNetHeader"/>.
/// </summary>
public sealed unsafe class TapDevice : IDisposable
{
    private readonly SafeFileHandle _handle;

    private TapDevice(string name, SafeFileHandle handle)
    {
        Name = name;
        _handle = handle;
    }

    /// <summary>The network device's name.</summary>
    public string Name { get; }

    /// <summary>Opens the TAP of that name in the calling thread's namespace, making it when there is none, and brings it up.</summary>
    /// <param name="name">At most 15 characters.</param>
    /// <param name="persistent">It stays when this is disposed.</param>
    /// <param name="superPackets">The guest takes and gives super-packets and partial checksums.</param>
    /// <exception cref="LinuxException">EBUSY when somebody holds it, ENOENT without /dev/net/tun.</exception>
    public static TapDevice Open(string name, bool persistent = false, bool superPackets = true)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Encoding.UTF8.GetByteCount(name), 15, nameof(name));
        SafeFileHandle handle = Interop.open("/dev/net/tun", Interop.O_RDWR | Interop.O_NONBLOCK | Interop.O_CLOEXEC, 0);
        if (handle.IsInvalid)
        {
            throw LinuxException.Last("open", "/dev/net/tun");
        }

        try
        {
            Interop.ifreq request = new() { ifr_flags = Interop.IFF_TAP | Interop.IFF_NO_PI | Interop.IFF_VNET_HDR };
            Encoding.UTF8.GetBytes(name, new Span<byte>(request.ifr_name, 15));
            int headerSize = VirtioNetHeader.Size;
            nint offload = superPackets
                ? Interop.TUN_F_CSUM | Interop.TUN_F_TSO4 | Interop.TUN_F_TSO6 | Interop.TUN_F_TSO_ECN
                : 0;
            Check(Interop.ioctl(handle, Interop.TUNSETIFF, &request), "TUNSETIFF", name);
            Check(Interop.ioctl(handle, Interop.TUNSETVNETHDRSZ, &headerSize), "TUNSETVNETHDRSZ", name);
            Check(Interop.ioctl(handle, Interop.TUNSETOFFLOAD, offload), "TUNSETOFFLOAD", name);
            Check(Interop.ioctl(handle, Interop.TUNSETPERSIST, persistent ? 1 : 0), "TUNSETPERSIST", name);
            using RouteSocket route = RouteSocket.Open();
            route.SetUp(name);
            return new TapDevice(name, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Reads one frame with its header, without waiting.</summary>
    /// <returns>Bytes; 0 when there is none.</returns>
    public int Read(Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            nint count = Interop.read((int)_handle.DangerousGetHandle(), bytes, (nuint)buffer.Length);
            return count >= 0 ? (int)count : 0;
        }
    }

    /// <summary>Writes one frame with its header.</summary>
    /// <exception cref="LinuxException">The kernel refused it.</exception>
    public void Write(ReadOnlySpan<byte> frame)
    {
        fixed (byte* bytes = frame)
        {
            if (Interop.write((int)_handle.DangerousGetHandle(), bytes, (nuint)frame.Length) != frame.Length)
            {
                throw LinuxException.Last("write", Name);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static void Check(int result, string operation, string name)
    {
        if (result < 0)
        {
            throw LinuxException.Last(operation, name);
        }
    }
}
