using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>setsockopt(2) in the forms our sockets need.</summary>
internal static unsafe class SocketOptions
{
    /// <summary>Sets an integer option.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    internal static void Set(SafeFileHandle socket, int level, int name, int value, string operation = "setsockopt", string target = "")
    {
        if (!TrySet(socket, level, name, value))
        {
            throw LinuxException.Last(operation == "setsockopt" ? $"setsockopt({level}, {name})" : operation, target.Length == 0 ? "socket" : target);
        }
    }

    internal static bool TrySet(SafeFileHandle socket, int level, int name, int value) =>
        Interop.setsockopt(socket, level, name, &value, sizeof(int)) == 0;

    /// <summary>Asks for socket buffers beyond the system's limit (CAP_NET_ADMIN); within it when that is refused.</summary>
    internal static void SetBuffers(SafeFileHandle socket, int receiveBytes, int sendBytes)
    {
        SetReceiveBuffer(socket, receiveBytes);
        if (!TrySet(socket, Interop.SOL_SOCKET, Interop.SO_SNDBUFFORCE, sendBytes))
        {
            _ = TrySet(socket, Interop.SOL_SOCKET, Interop.SO_SNDBUF, sendBytes);
        }
    }

    /// <summary>The kernel doubles the number, to have room for its bookkeeping.</summary>
    internal static void SetReceiveBuffer(SafeFileHandle socket, int bytes)
    {
        if (!TrySet(socket, Interop.SOL_SOCKET, Interop.SO_RCVBUFFORCE, bytes))
        {
            _ = TrySet(socket, Interop.SOL_SOCKET, Interop.SO_RCVBUF, bytes);
        }
    }

    /// <summary>Lets nothing into the socket's receive queue (classic BPF: return 0).</summary>
    internal static void DropAllReceived(SafeFileHandle socket, string target)
    {
        Interop.sock_filter drop = new() { code = 0x06, k = 0 };
        Interop.sock_fprog program = new() { len = 1, filter = &drop };
        if (Interop.setsockopt(socket, Interop.SOL_SOCKET, Interop.SO_ATTACH_FILTER, &program, (uint)sizeof(Interop.sock_fprog)) != 0)
        {
            throw LinuxException.Last("SO_ATTACH_FILTER", target);
        }
    }
}
