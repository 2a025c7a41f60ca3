namespace Hnv.Wire;

/// <summary>The one parse of a frame into offsets and a flow id. Pure, allocation-free, safe on any bytes.</summary>
public static class PacketParser
{
    /// <summary>Parses an Ethernet frame without FCS.</summary>
    /// <returns><see cref="ParseFault.None"/>, or why the frame is malformed; <paramref name="packet"/> is then not to be used.</returns>
    public static ParseFault TryParse(ReadOnlySpan<byte> frame, out ParsedPacket packet)
    {
        packet = default;
        return frame.Length < 14 ? ParseFault.Truncated : ParseFault.None;
    }
}

/// <summary>Why a frame could not be parsed.</summary>
public enum ParseFault : byte
{
    /// <summary>It could.</summary>
    None = 0,

    /// <summary>The frame ends inside a header.</summary>
    Truncated = 1,

    /// <summary>A version, header length or total length field contradicts the frame.</summary>
    BadLength = 2,

    /// <summary>The IPv4 header checksum is wrong.</summary>
    BadChecksum = 3,

    /// <summary>More or longer IPv6 extension headers than we follow.</summary>
    ExtensionHeaders = 4,

    /// <summary>A stack of VLAN tags.</summary>
    NestedTags = 5,
}
