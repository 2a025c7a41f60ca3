using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>Waits for packets on many sockets (epoll(7), level-triggered), and for <see cref="Wake"/>.</summary>
public sealed unsafe class EventPoll : IDisposable
{
    private const int EventMax = 256;
    private const ulong WakeToken = ulong.MaxValue;

    // struct epoll_event is packed on x64 only.
    private static readonly int s_eventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int s_dataOffset = s_eventSize - 8;

    private readonly SafeFileHandle _epoll;
    private readonly SafeFileHandle _wake;
    private readonly PinnedBuffer _events = new(EventMax * 16);

    /// <summary>Makes one that waits for nothing but <see cref="Wake"/>.</summary>
    public EventPoll()
    {
        _epoll = Interop.epoll_create1(Interop.EPOLL_CLOEXEC);
        _wake = Interop.eventfd(0, Interop.EFD_CLOEXEC | Interop.EFD_NONBLOCK);
        if (_epoll.IsInvalid || _wake.IsInvalid)
        {
            throw LinuxException.Last("epoll_create1/eventfd", "worker");
        }

        Control(Interop.EPOLL_CTL_ADD, (int)_wake.DangerousGetHandle(), WakeToken, "eventfd");
    }

    /// <summary>Waits for that socket too; its readiness is told by the token, any number but the largest.</summary>
    public void Add(DatagramSocket socket, ulong token) => Control(Interop.EPOLL_CTL_ADD, socket.Descriptor, token, socket.Name);

    /// <summary>Waits no longer for packets of that socket, only for its end; the token stays.</summary>
    public void Pause(DatagramSocket socket, ulong token) => Control(Interop.EPOLL_CTL_MOD, socket.Descriptor, token, socket.Name, 0);

    /// <summary>Waits for packets of that socket again.</summary>
    public void Resume(DatagramSocket socket, ulong token) => Control(Interop.EPOLL_CTL_MOD, socket.Descriptor, token, socket.Name);

    /// <summary>No longer waits for it.</summary>
    public void Remove(DatagramSocket socket) => Control(Interop.EPOLL_CTL_DEL, socket.Descriptor, 0, socket.Name);

    /// <summary>Ends the wait, from any thread; one before the wait counts too.</summary>
    public void Wake()
    {
        ulong one = 1;
        _ = Interop.write((int)_wake.DangerousGetHandle(), &one, sizeof(ulong));
    }

    /// <summary>Waits until something is ready, somebody wakes us, or the time is over.</summary>
    /// <param name="tokens">Filled with the tokens of ready sockets.</param>
    /// <param name="timeoutMs">Milliseconds; 0 only looks, -1 waits for ever.</param>
    /// <returns>Tokens written; a wake and a signal count as none.</returns>
    public int Wait(Span<ulong> tokens, int timeoutMs)
    {
        int count = Interop.epoll_wait((int)_epoll.DangerousGetHandle(), _events.At(0), Math.Min(EventMax, tokens.Length), timeoutMs);
        int ready = 0;
        for (int i = 0; i < count; i++)
        {
            ulong token = *(ulong*)_events.At((i * s_eventSize) + s_dataOffset);
            if (token == WakeToken)
            {
                ulong value;
                _ = Interop.read((int)_wake.DangerousGetHandle(), &value, sizeof(ulong));
                continue;
            }

            tokens[ready++] = token;
        }

        return ready;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _epoll.Dispose();
        _wake.Dispose();
    }

    private void Control(int operation, int descriptor, ulong token, string name, uint events = Interop.EPOLLIN)
    {
        byte* change = stackalloc byte[16];
        *(uint*)change = events;
        *(ulong*)(change + s_dataOffset) = token;
        if (Interop.epoll_ctl(_epoll, operation, descriptor, change) != 0)
        {
            throw LinuxException.Last("epoll_ctl", name);
        }
    }
}
