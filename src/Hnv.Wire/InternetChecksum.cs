using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// The Internet checksum (RFC 1071): one's-complement sum of 16-bit words, whole, while copying, and incrementally (RFC 1624).
/// </summary>
/// <remarks>
/// A <em>sum</em> is an unfolded <see cref="ulong"/> of words in the machine's byte order (RFC 1071 §2B: the order does not matter until
/// the end); sums of parts that begin at even offsets may be added. A <em>checksum</em> is the folded 16-bit number as
/// <see cref="U16Be"/> takes it.
/// </remarks>
public static class InternetChecksum
{
    /// <summary>The checksum of bytes whose checksum field is zero; 0 when the bytes include a right one.</summary>
    public static ushort Compute(ReadOnlySpan<byte> bytes) => Complete(Sum(bytes));

    /// <summary>The sum of any number of bytes; an odd last byte counts as if a zero followed it.</summary>
    public static ulong Sum(ReadOnlySpan<byte> bytes)
    {
        ref byte start = ref MemoryMarshal.GetReference(bytes);
        return Accumulate(ref start, ref start, bytes.Length, copy: false);
    }

    /// <summary>Copies and sums in one pass.</summary>
    /// <exception cref="ArgumentException">The destination is shorter than the source.</exception>
    public static ulong CopyAndSum(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        if (destination.Length < source.Length)
        {
            throw new ArgumentException("The destination is shorter than the source.", nameof(destination));
        }

        return Accumulate(ref MemoryMarshal.GetReference(source), ref MemoryMarshal.GetReference(destination), source.Length, copy: true);
    }

    /// <summary>The sum of the pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1).</summary>
    /// <param name="source">Source address.</param>
    /// <param name="destination">Destination address, of the same family.</param>
    /// <param name="protocol">Upper-layer protocol.</param>
    /// <param name="length">Upper-layer header and payload, bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong PseudoHeader(InetAddress source, InetAddress destination, byte protocol, int length) =>
        SumOf(source) + SumOf(destination) + SumOf((uint)length) + SumOf((ushort)protocol);

    /// <summary>What an address adds to a sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SumOf(InetAddress address)
    {
        if (address.IsIPv4)
        {
            return SumOf(address.IPv4);
        }

        ulong high = Raw(address.High), low = Raw(address.Low);
        return (uint)high + (high >> 32) + (uint)low + (low >> 32);
    }

    /// <summary>What a 32-bit field adds to a sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SumOf(uint field) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(field) : field;

    /// <summary>What a 16-bit field adds to a sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SumOf(ushort field) => Raw(field);

    /// <summary>The sum in 16 bits, not complemented: what a field awaiting checksum offload holds when the sum is the pseudo-header's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Fold(ulong sum)
    {
        sum = (sum & uint.MaxValue) + (sum >> 32);
        sum = (sum & uint.MaxValue) + (sum >> 32);
        uint folded = ((uint)sum & 0xFFFF) + ((uint)sum >> 16);
        folded = (folded & 0xFFFF) + (folded >> 16);
        return Raw((ushort)folded);
    }

    /// <summary>The checksum of a sum: folded and complemented.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Complete(ulong sum) => (ushort)~Fold(sum);

    /// <summary>The same for UDP, where 0 says "no checksum" and so is sent as 0xFFFF (RFC 768).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort CompleteUdp(ulong sum)
    {
        ushort checksum = Complete(sum);
        return checksum == 0 ? ushort.MaxValue : checksum;
    }

    /// <summary>
    /// What to add to a sum when something in it changes: the new sum plus the complement of the old (RFC 1624 §3). Both are folded here.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Difference(ulong oldSum, ulong newSum) => Raw((ushort)~Fold(oldSum)) + (ulong)Raw(Fold(newSum));

    /// <summary>The checksum after a change, HC' = ~(~HC + ~m + m') (RFC 1624 §3, equation 3).</summary>
    /// <param name="checksum">The checksum before.</param>
    /// <param name="difference">The change, of <see cref="Difference"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Update(ushort checksum, ulong difference) => Complete(Raw((ushort)~checksum) + difference);

    /// <summary>The same for a field that holds a folded, not complemented sum: one awaiting checksum offload.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort UpdatePartial(ushort folded, ulong difference) => Fold(Raw(folded) + difference);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort Raw(ushort value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Raw(ulong value) => BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(value) : value;

    // SAFETY: the callers take both references from spans of at least `length` bytes; every access below lies under `length`.
    // Each 64-bit lane takes 32-bit words, so it cannot overflow before 2^32 of them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Accumulate(ref byte source, ref byte destination, int length, bool copy)
    {
        nuint at = 0;
        nuint left = (nuint)length;
        ulong sum = 0;

        if (Vector512.IsHardwareAccelerated && left >= 128)
        {
            Vector512<ulong> low = Vector512.Create((ulong)uint.MaxValue);
            Vector512<ulong> a = Vector512<ulong>.Zero, b = a, c = a, d = a;
            for (; left >= 128; at += 128, left -= 128)
            {
                Vector512<byte> first = Vector512.LoadUnsafe(ref source, at);
                Vector512<byte> second = Vector512.LoadUnsafe(ref source, at + 64);
                if (copy)
                {
                    first.StoreUnsafe(ref destination, at);
                    second.StoreUnsafe(ref destination, at + 64);
                }

                a += first.AsUInt64() & low;
                b += first.AsUInt64() >>> 32;
                c += second.AsUInt64() & low;
                d += second.AsUInt64() >>> 32;
            }

            sum = Vector512.Sum(a + b + (c + d));
        }
        else if (Vector256.IsHardwareAccelerated && left >= 64)
        {
            Vector256<ulong> low = Vector256.Create((ulong)uint.MaxValue);
            Vector256<ulong> a = Vector256<ulong>.Zero, b = a, c = a, d = a;
            for (; left >= 64; at += 64, left -= 64)
            {
                Vector256<byte> first = Vector256.LoadUnsafe(ref source, at);
                Vector256<byte> second = Vector256.LoadUnsafe(ref source, at + 32);
                if (copy)
                {
                    first.StoreUnsafe(ref destination, at);
                    second.StoreUnsafe(ref destination, at + 32);
                }

                a += first.AsUInt64() & low;
                b += first.AsUInt64() >>> 32;
                c += second.AsUInt64() & low;
                d += second.AsUInt64() >>> 32;
            }

            sum = Vector256.Sum(a + b + (c + d));
        }

        if (Vector128.IsHardwareAccelerated && left >= 16)
        {
            Vector128<ulong> low = Vector128.Create((ulong)uint.MaxValue);
            Vector128<ulong> a = Vector128<ulong>.Zero;
            for (; left >= 16; at += 16, left -= 16)
            {
                Vector128<byte> word = Vector128.LoadUnsafe(ref source, at);
                if (copy)
                {
                    word.StoreUnsafe(ref destination, at);
                }

                a += (word.AsUInt64() & low) + (word.AsUInt64() >>> 32);
            }

            sum += Vector128.Sum(a);
        }

        return sum + AccumulateTail(ref Unsafe.Add(ref source, at), ref Unsafe.Add(ref destination, at), left, copy);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong AccumulateTail(ref byte source, ref byte destination, nuint left, bool copy)
    {
        nuint at = 0;
        ulong sum = 0;
        for (; left >= 4; at += 4, left -= 4)
        {
            uint word = Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref source, at));
            sum += word;
            if (copy)
            {
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref destination, at), word);
            }
        }

        if ((left & 2) != 0)
        {
            ushort word = Unsafe.ReadUnaligned<ushort>(ref Unsafe.Add(ref source, at));
            sum += word;
            if (copy)
            {
                Unsafe.WriteUnaligned(ref Unsafe.Add(ref destination, at), word);
            }

            at += 2;
        }

        if ((left & 1) != 0)
        {
            byte last = Unsafe.Add(ref source, at);
            sum += BitConverter.IsLittleEndian ? last : (uint)last << 8;
            if (copy)
            {
                Unsafe.Add(ref destination, at) = last;
            }
        }

        return sum;
    }
}
