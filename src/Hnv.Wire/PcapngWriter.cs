using System.Buffers.Binary;
using System.Text.Unicode;
using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>
/// Writes Ethernet frames as a capture file that Wireshark and tcpdump read: pcapng (draft-ietf-opsawg-pcapng), one section, times in
/// nanoseconds. Not for concurrent use; the stream is the caller's to flush and close.
/// </summary>
public sealed class PcapngWriter
{
    /// <summary>Bytes of the longest text; what is longer is cut.</summary>
    public const int TextLengthMax = 1024;

    /// <summary>Bytes of a frame that are kept unless an interface says otherwise: all of the longest.</summary>
    public const int SnapLengthMax = 256 * 1024;

    private const uint SectionHeader = 0x0A0D_0D0A;
    private const uint ByteOrderMagic = 0x1A2B_3C4D;
    private const uint InterfaceDescription = 1;
    private const uint EnhancedPacket = 6;
    private const ushort LinkTypeEthernet = 1;
    private const ushort OptionEnd = 0;
    private const ushort OptionComment = 1;
    private const ushort SectionApplication = 4;
    private const ushort InterfaceName = 2;
    private const ushort InterfaceDescriptionText = 3;
    private const ushort InterfaceTimeResolution = 9;
    private const ushort PacketFlags = 2;
    private const byte Nanoseconds = 9;
    private const uint FlagInbound = 1;
    private const uint FlagOutbound = 2;

    /// <summary>The longest block head with its options: fixed fields, two texts, and small options.</summary>
    private const int ScratchLength = (2 * (TextLengthMax + 8)) + 128;

    private readonly Stream _stream;
    private readonly byte[] _scratch = new byte[ScratchLength];
    private readonly List<int> _snapLengths = [];

    /// <summary>Begins a capture: writes the section header.</summary>
    /// <param name="stream">Takes the file.</param>
    /// <param name="application">What wrote it.</param>
    public PcapngWriter(Stream stream, string application)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(application);
        _stream = stream;
        var block = new BlockWriter(_scratch, SectionHeader);
        block.Write32(ByteOrderMagic);
        block.Write16(1);
        block.Write16(0);

        // The section's length is not known yet.
        block.Write64(ulong.MaxValue);
        block.WriteText(SectionApplication, application);
        block.WriteOption(OptionEnd, []);
        _stream.Write(block.Finish());
    }

    /// <summary>Interfaces added so far; the next one's id.</summary>
    public int InterfaceCount => _snapLengths.Count;

    /// <summary>Adds an Ethernet interface.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">What it is; empty when there is nothing to say.</param>
    /// <param name="snapLength">Bytes of each frame that are kept at most, 1 … <see cref="SnapLengthMax"/>.</param>
    /// <returns>What <see cref="WritePacket"/> takes.</returns>
    public int AddInterface(string name, string description = "", int snapLength = SnapLengthMax)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(description);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(snapLength);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(snapLength, SnapLengthMax);
        var block = new BlockWriter(_scratch, InterfaceDescription);
        block.Write16(LinkTypeEthernet);
        block.Write16(0);
        block.Write32((uint)snapLength);
        block.WriteText(InterfaceName, name);
        block.WriteText(InterfaceDescriptionText, description);
        block.WriteOption(InterfaceTimeResolution, [Nanoseconds]);
        block.WriteOption(OptionEnd, []);
        _stream.Write(block.Finish());
        _snapLengths.Add(snapLength);
        return _snapLengths.Count - 1;
    }

    /// <summary>Adds a frame.</summary>
    /// <param name="interfaceId">Of <see cref="AddInterface"/>.</param>
    /// <param name="unixNanoseconds">When it was seen, nanoseconds since 1970 in UTC.</param>
    /// <param name="frame">The frame without FCS.</param>
    /// <param name="direction">As the interface's own machine sees it; null when not known.</param>
    /// <param name="comment">What is said about it, such as a verdict; empty when nothing.</param>
    public void WritePacket(int interfaceId, ulong unixNanoseconds, ReadOnlySpan<byte> frame, Direction? direction = null, ReadOnlySpan<char> comment = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(interfaceId);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(interfaceId, _snapLengths.Count);
        ReadOnlySpan<byte> kept = frame[..Math.Min(frame.Length, _snapLengths[interfaceId])];
        int padding = -kept.Length & 3;

        // Head, frame, options and trailer go out one after another, so the frame is not copied.
        var block = new BlockWriter(_scratch, EnhancedPacket);
        block.Write32((uint)interfaceId);
        block.Write32((uint)(unixNanoseconds >> 32));
        block.Write32((uint)unixNanoseconds);
        block.Write32((uint)kept.Length);
        block.Write32((uint)frame.Length);
        int head = block.Length;
        block.Skip(padding);
        if (direction is Direction known)
        {
            Span<byte> flags = stackalloc byte[sizeof(uint)];
            BinaryPrimitives.WriteUInt32LittleEndian(flags, known == Direction.Inbound ? FlagInbound : FlagOutbound);
            block.WriteOption(PacketFlags, flags);
        }

        block.WriteText(OptionComment, comment);
        if (block.Length > head + padding)
        {
            block.WriteOption(OptionEnd, []);
        }

        ReadOnlySpan<byte> bytes = block.Finish(kept.Length);
        _stream.Write(bytes[..head]);
        _stream.Write(kept);
        _stream.Write(bytes[head..]);
    }

    /// <summary>A block: type, length, body, and the length again; everything on 32-bit borders, least significant byte first.</summary>
    private ref struct BlockWriter
    {
        private const int LengthOffset = 4;
        private readonly Span<byte> _bytes;

        public BlockWriter(Span<byte> bytes, uint type)
        {
            _bytes = bytes;
            Write32(type);
            Write32(0);
        }

        public int Length { get; private set; }

        public void Write16(ushort value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(_bytes[Length..], value);
            Length += sizeof(ushort);
        }

        public void Write32(uint value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_bytes[Length..], value);
            Length += sizeof(uint);
        }

        public void Write64(ulong value)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(_bytes[Length..], value);
            Length += sizeof(ulong);
        }

        /// <summary>Zeros.</summary>
        public void Skip(int length)
        {
            _bytes.Slice(Length, length).Clear();
            Length += length;
        }

        public void WriteOption(ushort code, scoped ReadOnlySpan<byte> value)
        {
            Write16(code);
            Write16((ushort)value.Length);
            value.CopyTo(_bytes[Length..]);
            Length += value.Length;
            Skip(-value.Length & 3);
        }

        /// <summary>A text in UTF-8, cut at a character's border; an empty one is no option.</summary>
        public void WriteText(ushort code, ReadOnlySpan<char> text)
        {
            if (text.IsEmpty)
            {
                return;
            }

            int lengthAt = Length + sizeof(ushort);
            Write16(code);
            Write16(0);
            _ = Utf8.FromUtf16(text, _bytes.Slice(Length, TextLengthMax), out _, out int length);
            BinaryPrimitives.WriteUInt16LittleEndian(_bytes[lengthAt..], (ushort)length);
            Length += length;
            Skip(-length & 3);
        }

        /// <summary>Ends the block.</summary>
        /// <param name="elsewhere">Bytes of its body that are not here.</param>
        public ReadOnlySpan<byte> Finish(int elsewhere = 0)
        {
            uint total = (uint)(Length + sizeof(uint) + elsewhere);
            BinaryPrimitives.WriteUInt32LittleEndian(_bytes[LengthOffset..], total);
            Write32(total);
            return _bytes[..Length];
        }
    }
}
