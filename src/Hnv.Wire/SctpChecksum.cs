using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Hnv.Wire;

/// <summary>SCTP's CRC32c over the common header and all chunks (RFC 9260 §6.8), stored least significant byte first.</summary>
internal static class SctpChecksum
{
    private const int Offset = 8;

    /// <summary>
    /// Updates the checksum after the ports have changed. A CRC is linear: that of the packet differs by the CRC of a packet of the same
    /// length with the difference of the ports in it and zeros behind, so no payload is read and damage stays visible. A checksum of 0
    /// stays: its sender has agreed on going without (RFC 9653).
    /// </summary>
    /// <param name="packet">The whole packet from the common header on.</param>
    /// <param name="portsBefore">The first four bytes as they were, read in the machine's order.</param>
    public static void Update(Span<byte> packet, uint portsBefore)
    {
        Span<byte> field = packet.Slice(Offset, sizeof(uint));
        uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(field);
        if (checksum == 0)
        {
            return;
        }

        uint changed = MemoryMarshal.Read<uint>(packet) ^ portsBefore;
        uint difference = BitOperations.Crc32C(0, BitConverter.IsLittleEndian ? changed : BinaryPrimitives.ReverseEndianness(changed));
        int zeros = packet.Length - sizeof(uint);
        for (; zeros >= sizeof(ulong); zeros -= sizeof(ulong))
        {
            difference = BitOperations.Crc32C(difference, 0UL);
        }

        for (; zeros > 0; zeros--)
        {
            difference = BitOperations.Crc32C(difference, (byte)0);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(field, checksum ^ difference);
    }
}
