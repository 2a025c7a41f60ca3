using System.Buffers.Binary;

namespace Hnv.Wire;

/// <summary>
/// The walk over IPv6 extension headers to the upper layer (RFC 8200 §4): hop-by-hop options, destination options, routing, fragment
/// and authentication, bounded in number and bytes.
/// </summary>
internal static class IPv6Extensions
{
    private const int CountMax = 8;
    private const int BytesMax = 1024;
    private const int FragmentHeaderSize = 8;

    /// <summary>True for the headers that are walked over.</summary>
    public static bool IsExtension(byte nextHeader) => nextHeader
        is IPProtocols.HopByHop
        or IPProtocols.Routing
        or IPProtocols.Fragment
        or IPProtocols.DestinationOptions
        or IPProtocols.Authentication;

    /// <summary>Moves offset and protocol to the upper layer, or, in a later fragment, to the fragment's data.</summary>
    /// <param name="packet">The frame, cut to the end of the IP packet or, of a quoted one, to what is there of it.</param>
    /// <param name="end">Where the packet ends by its own length field.</param>
    /// <param name="offset">In: where the first extension header lies.</param>
    /// <param name="protocol">In: its type.</param>
    /// <param name="fragment">Set when there is a fragment header; an atomic fragment (RFC 6946) is a whole packet.</param>
    /// <param name="identification">Takes the fragment header's identification, unless that fragment is the whole packet.</param>
    public static ParseFault Walk(
        ReadOnlySpan<byte> packet, int end, ref int offset, ref byte protocol, ref FragmentClass fragment, ref uint identification)
    {
        int start = offset;
        bool fragmented = false;
        for (int count = 0; IsExtension(protocol); count++)
        {
            // Two bytes hold the next header and the length; the shortest header has eight.
            if (offset + 8 > packet.Length)
            {
                return ParseFault.Truncated;
            }

            byte next = packet[offset];
            int length = protocol switch
            {
                IPProtocols.Fragment => FragmentHeaderSize,
                IPProtocols.Authentication => (packet[offset + 1] + 2) * 4,
                _ => (packet[offset + 1] + 1) * 8,
            };
            bool forbidden =
                count == CountMax
                || offset + length - start > BytesMax
                || (protocol == IPProtocols.HopByHop && count != 0)
                || (protocol == IPProtocols.Fragment && fragmented)
                || (protocol == IPProtocols.Routing && packet[offset + 2] == 0 && packet[offset + 3] != 0);
            if (forbidden)
            {
                return ParseFault.ExtensionHeaders;
            }

            if (offset + length > packet.Length)
            {
                return ParseFault.Truncated;
            }

            if (protocol == IPProtocols.Fragment)
            {
                fragmented = true;
                int fragmentOffset = BinaryPrimitives.ReadUInt16BigEndian(packet[(offset + 2)..]);
                bool more = (fragmentOffset & 1) != 0;
                fragmentOffset &= 0xFFF8;
                if (!PacketParser.IsSaneFragment(next, fragmentOffset, end - offset - length, more))
                {
                    return ParseFault.BadLength;
                }

                fragment = fragmentOffset != 0 ? FragmentClass.Later : more ? FragmentClass.First : FragmentClass.Whole;
                if (fragment != FragmentClass.Whole)
                {
                    identification = BinaryPrimitives.ReadUInt32BigEndian(packet[(offset + 4)..]);
                }

                if (fragment == FragmentClass.Later)
                {
                    offset += length;
                    protocol = next;
                    return ParseFault.None;
                }
            }

            offset += length;
            protocol = next;
        }

        return ParseFault.None;
    }
}
