using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Hnv.Corpus.Hostile;

/// <summary>
/// Room for one frame at the very end of mapped memory: the page behind it may not be touched, so code that reads or writes one byte behind a frame,
/// by vectors or otherwise, ends the process instead of finding something.
/// </summary>
public sealed unsafe partial class GuardedMemory : IDisposable
{
    private const int ProtNone = 0, ProtRead = 1, ProtWrite = 2, MapPrivate = 2, MapAnonymous = 0x20;
    private static readonly int s_page = Environment.SystemPageSize;

    private readonly byte* _start;
    private readonly int _length;

    /// <summary>Maps room for frames of up to so many bytes.</summary>
    /// <exception cref="Win32Exception">The kernel refuses.</exception>
    public GuardedMemory(int lengthMax)
    {
        _length = (lengthMax + s_page - 1) / s_page * s_page;
        void* mapped = Map(null, (nuint)(_length + s_page), ProtRead | ProtWrite, MapPrivate | MapAnonymous, -1, 0);
        if ((nint)mapped == -1 || Protect((byte*)mapped + _length, (nuint)s_page, ProtNone) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }

        _start = (byte*)mapped;
    }

    /// <summary>The last bytes before the guard.</summary>
    public Span<byte> Last(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _length);
        return new Span<byte>(_start + _length - length, length);
    }

    /// <inheritdoc/>
    public void Dispose() => _ = Unmap(_start, (nuint)(_length + s_page));

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(void* address, nuint length);
}
