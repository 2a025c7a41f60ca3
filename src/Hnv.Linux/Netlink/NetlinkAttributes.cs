using System.Runtime.InteropServices;
using System.Text;
using Hnv.Primitives;

namespace Hnv.Linux.Netlink;

/// <summary>Walks the attributes of a netlink message; ends at the first that does not fit.</summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _rest = bytes;

    internal ushort Type { get; private set; }

    internal ReadOnlySpan<byte> Value { get; private set; }

    internal readonly uint UInt32 => Value.Length >= 4 ? MemoryMarshal.Read<uint>(Value) : 0;

    internal readonly string Text => Encoding.UTF8.GetString(Value.TrimEnd((byte)0));

    internal readonly MacAddress Mac => Value.Length == MacAddress.Size ? MacAddress.Read(Value) : default;

    internal readonly InetAddress Address => Value.Length switch
    {
        4 => InetAddress.ReadIPv4(Value),
        16 => InetAddress.ReadIPv6(Value),
        _ => default,
    };

    internal bool Next()
    {
        if (_rest.Length < 4)
        {
            return false;
        }

        int length = MemoryMarshal.Read<ushort>(_rest);
        if (length < 4 || length > _rest.Length)
        {
            return false;
        }

        Type = (ushort)(MemoryMarshal.Read<ushort>(_rest[2..]) & Interop.NLA_TYPE_MASK);
        Value = _rest[4..length];
        _rest = _rest[Math.Min(NetlinkRequest.Align(length), _rest.Length)..];
        return true;
    }
}
