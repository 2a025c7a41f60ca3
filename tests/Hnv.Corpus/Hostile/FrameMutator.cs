using System.Buffers.Binary;

namespace Hnv.Corpus.Hostile;

/// <summary>Makes hostile frames of honest ones, without allocation: the same seed gives the same frames.</summary>
public sealed class FrameMutator(int seed, IReadOnlyList<byte[]> origins)
{
    /// <summary>No frame is longer.</summary>
    public const int LengthMax = 2048;

    private const int NetworkAt = 14;
    private const int MutationsMax = 5;

    private readonly Random _random = new(seed);

    /// <summary>The next frame.</summary>
    /// <param name="frame">Takes it; <see cref="LengthMax"/> bytes.</param>
    /// <returns>Its length; 0 is possible.</returns>
    public int Next(Span<byte> frame)
    {
        byte[] origin = Pick();
        origin.CopyTo(frame);
        int length = origin.Length;
        for (int i = _random.Next(MutationsMax); i > 0; i--)
        {
            length = Mutate(frame, length);
        }

        // What only breaks a checksum or a length is thrown away at the door; most frames get past it.
        if (_random.Next(4) != 0)
        {
            Repair(frame[..length], repairLengths: _random.Next(2) == 0);
        }

        return length;
    }

    private byte[] Pick() => origins[_random.Next(origins.Count)];

    private int Mutate(Span<byte> frame, int length)
    {
        if (length < 2)
        {
            return length;
        }

        int at = _random.Next(length);
        switch (_random.Next(10))
        {
            case 0:
                frame[at] ^= (byte)(1 << _random.Next(8));
                return length;
            case 1 or 2:
                frame[at] = (byte)_random.Next();
                return length;
            case 3:
                BinaryPrimitives.WriteUInt16BigEndian(frame[Math.Min(at, length - 2)..], Interesting(length));
                return length;
            case 4:
                return _random.Next(length + 1);
            case 5:
                int grown = Math.Min(LengthMax, length + _random.Next(1, 64));
                frame[length..grown].Fill((byte)_random.Next());
                return grown;
            case 6:
                return Splice(frame, at);
            case 7:
                return Insert(frame, length, Math.Min(at, length), Pick());
            case 8:
                return Insert(frame, length, Math.Min(12, length), [0x81, 0x00, 0x00, (byte)_random.Next()]);
            default:
                return Extend(frame, length);
        }
    }

    private ushort Interesting(int length) => _random.Next(8) switch
    {
        0 => 0,
        1 => 1,
        2 => ushort.MaxValue,
        3 => (ushort)length,
        4 => (ushort)(length - 1),
        5 => (ushort)(length - NetworkAt),
        6 => 0x8000,
        _ => (ushort)_random.Next(0x2000),
    };

    /// <summary>The head of this frame and the tail of another.</summary>
    private int Splice(Span<byte> frame, int at)
    {
        byte[] other = Pick();
        int from = _random.Next(other.Length);
        int count = Math.Min(other.Length - from, LengthMax - at);
        other.AsSpan(from, count).CopyTo(frame[at..]);
        return at + count;
    }

    /// <summary>Some bytes of another frame, put in.</summary>
    private int Insert(Span<byte> frame, int length, int at, ReadOnlySpan<byte> bytes)
    {
        int count = Math.Min(bytes.Length, LengthMax - length);
        count = bytes.Length > 4 ? _random.Next(count + 1) : count;
        frame[at..length].CopyTo(frame[(at + count)..]);
        bytes[..count].CopyTo(frame[at..]);
        return length + count;
    }

    /// <summary>An IPv6 extension header, first in the chain, of a length that need not be honest.</summary>
    private int Extend(Span<byte> frame, int length)
    {
        const int nextHeaderAt = NetworkAt + 6, chainAt = NetworkAt + 40;
        if (length < chainAt || frame[12] != 0x86)
        {
            return length;
        }

        ReadOnlySpan<byte> kinds = [0, 43, 44, 51, 60, 59];
        Span<byte> header = [frame[nextHeaderAt], (byte)(_random.Next(4) == 0 ? _random.Next() : 0), 0, (byte)_random.Next(4), 0, 0, 0, (byte)_random.Next(4)];
        frame[nextHeaderAt] = kinds[_random.Next(kinds.Length)];
        int count = Math.Min(header.Length, LengthMax - length);
        frame[chainAt..length].CopyTo(frame[(chainAt + count)..]);
        header[..count].CopyTo(frame[chainAt..]);
        return length + count;
    }

    private static void Repair(Span<byte> frame, bool repairLengths)
    {
        int network = frame.Length > 18 && frame[12] == 0x81 && frame[13] == 0 ? NetworkAt + 4 : NetworkAt;
        if (frame.Length < network + 20)
        {
            return;
        }

        Span<byte> packet = frame[network..];
        if (frame[network - 2] == 0x08 && frame[network - 1] == 0x00)
        {
            if (repairLengths)
            {
                BinaryPrimitives.WriteUInt16BigEndian(packet[2..], (ushort)packet.Length);
            }

            int header = Math.Clamp((packet[0] & 15) * 4, 20, packet.Length);
            packet.Slice(10, 2).Clear();
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)~FrameBuilder.FoldedSum(packet[..header]));
        }
        else if (frame[network - 2] == 0x86 && repairLengths && packet.Length >= 40)
        {
            BinaryPrimitives.WriteUInt16BigEndian(packet[4..], (ushort)(packet.Length - 40));
        }
    }
}
