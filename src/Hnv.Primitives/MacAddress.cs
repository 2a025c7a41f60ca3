using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Hnv.Primitives;

/// <summary>A 48-bit Ethernet address.</summary>
public readonly record struct MacAddress : IComparable<MacAddress>
{
    /// <summary>Bytes on the wire.</summary>
    public const int Size = 6;

    private MacAddress(ulong value) => Value = value;

    /// <summary>FF-FF-FF-FF-FF-FF.</summary>
    public static MacAddress Broadcast { get; } = new(0xFFFF_FFFF_FFFF);

    /// <summary>The address as a number: the first byte on the wire is the most significant of the low 48 bits.</summary>
    public ulong Value { get; }

    /// <summary>True for group addresses, broadcast among them (IEEE 802: lowest bit of the first byte).</summary>
    public bool IsMulticast => (Value & 0x0100_0000_0000) != 0;

    /// <summary>True for FF-FF-FF-FF-FF-FF.</summary>
    public bool IsBroadcast => Value == 0xFFFF_FFFF_FFFF;

    /// <summary>The address of a number below 2^48; higher bits are cut off.</summary>
    public static MacAddress FromNumber(ulong value) => new(value & 0xFFFF_FFFF_FFFF);

    /// <summary>Reads six bytes. The span must hold at least <see cref="Size"/>.</summary>
    public static MacAddress Read(ReadOnlySpan<byte> bytes) =>
        new(((ulong)BinaryPrimitives.ReadUInt16BigEndian(bytes) << 32) | BinaryPrimitives.ReadUInt32BigEndian(bytes[2..]));

    /// <summary>Writes six bytes. The span must hold at least <see cref="Size"/>.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)(Value >> 32));
        BinaryPrimitives.WriteUInt32BigEndian(bytes[2..], (uint)Value);
    }

    /// <summary>Reads <c>AA-BB-CC-DD-EE-FF</c>, <c>AA:BB:CC:DD:EE:FF</c> or twelve hex digits, in either case.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out MacAddress mac)
    {
        mac = default;
        if (text is null)
        {
            return false;
        }

        bool separated = text.Length == 17;
        if (!separated && text.Length != 12)
        {
            return false;
        }

        Span<char> digits = stackalloc char[12];
        for (int i = 0; i < Size; i++)
        {
            int at = separated ? i * 3 : i * 2;
            digits[i * 2] = text[at];
            digits[(i * 2) + 1] = text[at + 1];
            if (separated && i < Size - 1 && (text[at + 2] is not ('-' or ':') || text[at + 2] != text[2]))
            {
                return false;
            }
        }

        if (!ulong.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong value))
        {
            return false;
        }

        mac = new MacAddress(value);
        return true;
    }

    /// <summary>Reads any form that <see cref="TryParse"/> takes.</summary>
    /// <exception cref="FormatException">It is none of them.</exception>
    public static MacAddress Parse(string text) =>
        TryParse(text, out MacAddress mac) ? mac : throw new FormatException($"'{text}' is not a MAC address. Write it as 00-1D-D8-B7-1C-06.");

    /// <inheritdoc/>
    public int CompareTo(MacAddress other) => Value.CompareTo(other.Value);

    /// <summary>Upper case with dashes, as Windows prints it.</summary>
    public override string ToString() =>
        string.Create(17, Value, static (chars, value) =>
        {
            for (int i = 0; i < Size; i++)
            {
                byte b = (byte)(value >> (40 - (i * 8)));
                b.TryFormat(chars[(i * 3)..], out _, "X2", CultureInfo.InvariantCulture);
                if (i < Size - 1)
                {
                    chars[(i * 3) + 2] = '-';
                }
            }
        });
}
