namespace Hnv.Wire;

/// <summary>EtherType values (IANA IEEE 802 numbers).</summary>
public static class EtherTypes
{
    /// <summary>IPv4.</summary>
    public const ushort IPv4 = 0x0800;

    /// <summary>ARP.</summary>
    public const ushort Arp = 0x0806;

    /// <summary>Transparent Ethernet bridging: an Ethernet frame inside GRE (RFC 7637 §3.2).</summary>
    public const ushort TransparentEthernetBridging = 0x6558;

    /// <summary>802.1Q tag.</summary>
    public const ushort Vlan = 0x8100;

    /// <summary>802.1ad service tag.</summary>
    public const ushort ServiceVlan = 0x88A8;

    /// <summary>IPv6.</summary>
    public const ushort IPv6 = 0x86DD;
}
