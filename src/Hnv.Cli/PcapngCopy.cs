using System.Buffers.Binary;

namespace Hnv.Cli;

/// <summary>Copies a pcapng stream block by block, so that the file is whole wherever it ends.</summary>
internal static class PcapngCopy
{
    private const uint EnhancedPacket = 6;
    private const int HeadLength = 8;
    private const int BlockMax = 1024 * 1024;

    /// <summary>Copies until the stream ends or enough packets have passed.</summary>
    /// <returns>Packets copied.</returns>
    /// <exception cref="IOException">The stream is no pcapng.</exception>
    public static async Task<long> RunAsync(Stream source, Stream target, long packets, CancellationToken cancellation)
    {
        byte[] block = new byte[BlockMax];
        long copied = 0;
        while (copied < packets && await source.ReadAtLeastAsync(block.AsMemory(0, HeadLength), HeadLength, throwOnEndOfStream: false, cancellation) == HeadLength)
        {
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(block), length = BinaryPrimitives.ReadUInt32LittleEndian(block.AsSpan(4));
            if (length is < HeadLength + 4 or > BlockMax || length % 4 != 0)
            {
                throw new IOException("The host agent's answer is no capture file.");
            }

            await source.ReadExactlyAsync(block.AsMemory(HeadLength, (int)length - HeadLength), cancellation);
            await target.WriteAsync(block.AsMemory(0, (int)length), CancellationToken.None);
            await target.FlushAsync(CancellationToken.None);
            copied += type == EnhancedPacket ? 1 : 0;
        }

        return copied;
    }
}
