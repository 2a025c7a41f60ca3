using Hnv.Primitives;

namespace Hnv.Wire;

/// <summary>Which parts of a packet an <see cref="AddressRewrite"/> replaces.</summary>
[Flags]
public enum AddressRewriteParts : byte
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>The source address.</summary>
    Source = 1,

    /// <summary>The destination address.</summary>
    Destination = 2,

    /// <summary>The source port of TCP, UDP and SCTP; the identifier of an ICMP echo request or reply.</summary>
    SourcePort = 4,

    /// <summary>The destination port of TCP, UDP and SCTP.</summary>
    DestinationPort = 8,
}

/// <summary>The addresses and ports a translated packet gets. A value counts only when <see cref="Parts"/> names it.</summary>
public readonly record struct AddressRewrite
{
    private const AddressRewriteParts Ports = AddressRewriteParts.SourcePort | AddressRewriteParts.DestinationPort;

    /// <summary>The new source address, of the packet's family.</summary>
    public InetAddress Source { get; init; }

    /// <summary>The new destination address, of the packet's family.</summary>
    public InetAddress Destination { get; init; }

    /// <summary>The new source port or echo identifier.</summary>
    public ushort SourcePort { get; init; }

    /// <summary>The new destination port.</summary>
    public ushort DestinationPort { get; init; }

    /// <summary>What is replaced.</summary>
    public AddressRewriteParts Parts { get; init; }

    /// <summary>True when the addresses to be set are of that family.</summary>
    internal bool Fits(bool isIPv4) =>
        (!Has(AddressRewriteParts.Source) || Source.IsIPv4 == isIPv4)
        && (!Has(AddressRewriteParts.Destination) || Destination.IsIPv4 == isIPv4);

    /// <summary>True when the transport header has all the ports to be set.</summary>
    /// <param name="protocol">Its protocol.</param>
    /// <param name="isEcho">It is an ICMP echo request or reply, which has one number instead of two.</param>
    internal bool FitsPorts(byte protocol, bool isEcho) =>
        (Parts & Ports) == 0
        || protocol is IPProtocols.Tcp or IPProtocols.Udp or IPProtocols.Sctp
        || (isEcho && !Has(AddressRewriteParts.DestinationPort));

    internal bool Has(AddressRewriteParts part) => (Parts & part) != 0;
}
