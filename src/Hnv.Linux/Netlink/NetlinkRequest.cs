using System.Runtime.InteropServices;
using System.Text;
using Hnv.Primitives;

namespace Hnv.Linux.Netlink;

/// <summary>
/// One rtnetlink request under construction: header, fixed part, attributes (netlink(7); host byte order, attributes padded to four bytes).
/// </summary>
internal sealed class NetlinkRequest
{
    internal const int HeaderSize = 16;

    private readonly byte[] _bytes = new byte[2048];
    private int _length = HeaderSize;

    internal NetlinkRequest(ushort type, ushort flags, string operation, string target)
    {
        MemoryMarshal.Write(_bytes.AsSpan(4), type);
        MemoryMarshal.Write(_bytes.AsSpan(6), (ushort)(flags | Interop.NLM_F_REQUEST));
        Operation = operation;
        Target = target;
    }

    /// <summary>For error messages: what is asked.</summary>
    internal string Operation { get; }

    /// <summary>For error messages: of which object.</summary>
    internal string Target { get; }

    /// <summary>Appends the fixed part (<c>ifinfomsg</c>, <c>rtmsg</c> …) of that size, zeroed, to be filled by the caller.</summary>
    internal Span<byte> Fixed(int size)
    {
        Span<byte> part = _bytes.AsSpan(_length, size);
        _length += Align(size);
        return part;
    }

    internal NetlinkRequest Attribute(ushort type, ReadOnlySpan<byte> value)
    {
        MemoryMarshal.Write(_bytes.AsSpan(_length), (ushort)(4 + value.Length));
        MemoryMarshal.Write(_bytes.AsSpan(_length + 2), type);
        value.CopyTo(_bytes.AsSpan(_length + 4));
        _length += Align(4 + value.Length);
        return this;
    }

    internal NetlinkRequest Attribute(ushort type, uint value) => Attribute(type, MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in value)));

    internal NetlinkRequest Attribute(ushort type, string value) => Attribute(type, Encoding.UTF8.GetBytes(value + '\0'));

    internal NetlinkRequest Attribute(ushort type, InetAddress value)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.Write(bytes);
        return Attribute(type, bytes[..value.Size]);
    }

    internal NetlinkRequest Attribute(ushort type, MacAddress value)
    {
        Span<byte> bytes = stackalloc byte[MacAddress.Size];
        value.Write(bytes);
        return Attribute(type, bytes);
    }

    /// <summary>Opens a nested attribute; its end is told to <see cref="End"/>.</summary>
    internal int Begin(ushort type)
    {
        int at = _length;
        MemoryMarshal.Write(_bytes.AsSpan(_length + 2), (ushort)(type | Interop.NLA_F_NESTED));
        _length += 4;
        return at;
    }

    /// <summary>As <see cref="Begin(ushort)"/>, followed by a fixed part inside the nest (the peer's <c>ifinfomsg</c> of a veth).</summary>
    internal int Begin(ushort type, int fixedSize)
    {
        int at = Begin(type);
        _length += Align(fixedSize);
        return at;
    }

    internal void End(int nest) => MemoryMarshal.Write(_bytes.AsSpan(nest), (ushort)(_length - nest));

    internal ReadOnlySpan<byte> Finish(uint sequence)
    {
        MemoryMarshal.Write(_bytes, (uint)_length);
        MemoryMarshal.Write(_bytes.AsSpan(8), sequence);
        return _bytes.AsSpan(0, _length);
    }

    internal static int Align(int length) => (length + 3) & ~3;
}
