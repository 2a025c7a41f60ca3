namespace Hnv.Linux.Bpf;

/// <summary>An array of the kernel's that lies in this process's memory too (BPF_F_MMAPABLE): programs and we see one another's writes.</summary>
public sealed unsafe class BpfArray<T> : IDisposable
    where T : unmanaged
{
    private readonly nuint _bytes;

    // SAFETY: the mapping holds Length elements from here on until Dispose, which is the owner's last call.
    private T* _first;

    private BpfArray(T* first, int length, nuint bytes)
    {
        _first = first;
        _bytes = bytes;
        Length = length;
    }

    /// <summary>Elements.</summary>
    public int Length { get; }

    /// <summary>An element, in place.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is none.</exception>
    /// <exception cref="ObjectDisposedException">The array has been unmapped.</exception>
    public ref T this[int index]
    {
        get
        {
            ObjectDisposedException.ThrowIf(_first is null, this);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Length, nameof(index));
            return ref _first[index];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_first is not null)
        {
            _ = Interop.munmap(_first, _bytes);
            _first = null;
        }
    }

    internal static BpfArray<T> Map(string name, int descriptor, int length)
    {
        const int readWrite = 3, shared = 1;
        if (sizeof(T) % 8 != 0)
        {
            throw new ArgumentException($"Elements of a mapped array are whole units of 8 bytes; {typeof(T).Name} has {sizeof(T)}.", nameof(name));
        }

        nuint page = (nuint)Environment.SystemPageSize, bytes = (((nuint)length * (nuint)sizeof(T)) + page - 1) / page * page;
        void* first = Interop.mmap(null, bytes, readWrite, shared, descriptor, 0);
        return (nint)first == -1 ? throw LinuxException.Last("mmap BPF map", name) : new BpfArray<T>((T*)first, length, bytes);
    }
}
