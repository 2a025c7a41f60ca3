using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>What a network device's hardware or driver does for the stack: the features of <c>ethtool -k</c> (linux/ethtool.h).</summary>
public static unsafe class LinkFeatures
{
    private const int NameLength = 32;
    private const int FeaturesMax = 256;
    private const int BlockBits = 32;

    /// <summary>The names of the features that are switched on, in the kernel's spelling and order; empty when the device has none or is not there.</summary>
    /// <param name="device">In the calling thread's network namespace.</param>
    public static IReadOnlyList<string> Active(string device)
    {
        using SafeFileHandle socket = Interop.socket(Interop.AF_INET, Interop.SOCK_DGRAM | Interop.SOCK_CLOEXEC, 0);
        if (socket.IsInvalid || Count(socket, device) is not (> 0 and <= FeaturesMax and int count))
        {
            return [];
        }

        byte[] strings = new byte[12 + (count * NameLength)];
        Write(strings, Interop.ETHTOOL_GSTRINGS, Interop.ETH_SS_FEATURES, (uint)count);
        int blocks = (count + BlockBits - 1) / BlockBits;
        byte[] features = new byte[8 + (blocks * 16)];
        Write(features, Interop.ETHTOOL_GFEATURES, (uint)blocks, null);
        if (!Ask(socket, device, strings) || !Ask(socket, device, features))
        {
            return [];
        }

        List<string> active = [];
        for (int i = 0; i < count; i++)
        {
            // Each block: available, requested, active, never changed.
            uint bits = BitConverter.ToUInt32(features, 8 + (i / BlockBits * 16) + 8);
            if ((bits & (1u << (i % BlockBits))) != 0)
            {
                active.Add(Encoding.ASCII.GetString(strings, 12 + (i * NameLength), NameLength).TrimEnd('\0'));
            }
        }

        active.RemoveAll(name => name.Length == 0);
        return active;
    }

    private static int Count(SafeFileHandle socket, string device)
    {
        byte[] info = new byte[20];
        Write(info, Interop.ETHTOOL_GSSET_INFO, 0, null);
        BitConverter.TryWriteBytes(info.AsSpan(8), 1UL << (int)Interop.ETH_SS_FEATURES);
        return Ask(socket, device, info) ? BitConverter.ToInt32(info, 16) : 0;
    }

    private static void Write(byte[] request, uint command, uint argument, uint? length)
    {
        BitConverter.TryWriteBytes(request, command);
        BitConverter.TryWriteBytes(request.AsSpan(4), argument);
        if (length is { } known)
        {
            BitConverter.TryWriteBytes(request.AsSpan(8), known);
        }
    }

    private static bool Ask(SafeFileHandle socket, string device, byte[] request)
    {
        const int nameSize = 16, requestSize = 40;
        byte* ifreq = stackalloc byte[requestSize];
        new Span<byte>(ifreq, requestSize).Clear();
        if (Encoding.UTF8.GetByteCount(device) >= nameSize)
        {
            return false;
        }

        Encoding.UTF8.GetBytes(device, new Span<byte>(ifreq, nameSize));
        fixed (byte* data = request)
        {
            // SAFETY: ifr_data points into the pinned request, which is as long as the command and the counts in it say.
            *(byte**)(ifreq + nameSize) = data;
            return Interop.ioctl(socket, Interop.SIOCETHTOOL, ifreq) == 0;
        }
    }
}
