using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>A non-blocking socket of the packet path: whatever a <see cref="ReceiveBatch"/> reads and a <see cref="TransmitBatch"/> writes.</summary>
public abstract class DatagramSocket : IDisposable
{
    private protected DatagramSocket(SafeFileHandle handle, string name)
    {
        Handle = handle;
        Descriptor = (int)handle.DangerousGetHandle();
        Name = name;
    }

    /// <summary>What it is bound to, for messages.</summary>
    public string Name { get; }

    /// <summary>
    /// The descriptor, for the calls of the packet path. SAFETY: whoever disposes the socket first makes sure that no thread uses it
    /// any more (the executor waits for its workers to pass a turn).
    /// </summary>
    internal int Descriptor { get; }

    /// <summary>Where frames go that name no destination; null is where the socket is bound.</summary>
    internal PinnedBuffer? SendAddress { get; private protected init; }

    private protected SafeFileHandle Handle { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Handle.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static SafeFileHandle Create(int domain, int type, int protocol, string name)
    {
        SafeFileHandle handle = Interop.socket(domain, type | Interop.SOCK_NONBLOCK | Interop.SOCK_CLOEXEC, protocol);
        return handle.IsInvalid ? throw LinuxException.Last("socket", name) : handle;
    }
}
