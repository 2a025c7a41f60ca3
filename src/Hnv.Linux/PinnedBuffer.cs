using System.Runtime.InteropServices;

namespace Hnv.Linux;

/// <summary>Bytes that never move, so that the kernel can be pointed at them without pinning per call.</summary>
public sealed unsafe class PinnedBuffer
{
    private readonly byte[] _bytes;

    // SAFETY: the array lives on the pinned object heap, so its address is constant for as long as _bytes keeps it alive.
    private readonly byte* _address;

    /// <summary>Zeroed storage of that many bytes.</summary>
    public PinnedBuffer(int length)
    {
        _bytes = GC.AllocateArray<byte>(length, pinned: true);
        _address = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, 0);
    }

    /// <summary>Bytes.</summary>
    public int Length => _bytes.Length;

    /// <summary>A part of the storage.</summary>
    public Span<byte> Slice(int offset, int length) => _bytes.AsSpan(offset, length);

    internal byte* At(int offset) => _address + offset;
}
