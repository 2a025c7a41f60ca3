namespace Hnv.Contracts.HostChannel;

/// <summary>
/// <c>POST /v1/probe</c>: a packet that is really sent, as if the port's guest had sent it: the same guards, layers, counters and way. It carries a mark that
/// nobody can guess, so whoever sees the mark has seen this packet, or an answer to it.
/// </summary>
public sealed record ProbeRequest
{
    /// <summary>instanceId of the network interface whose port it leaves.</summary>
    public Guid Nic { get; init; }

    /// <summary>The packet: an ICMP echo request, a UDP datagram or a TCP SYN. The source is the port's own, whatever is said here.</summary>
    public TracePacket? Packet { get; init; }

    /// <summary>16 random bytes, hexadecimal. The first of an echo request's or a datagram's payload; a SYN has the first four as its sequence number.</summary>
    public string? Mark { get; init; }

    /// <summary>How long an answer is waited for, milliseconds, 0 … 5,000.</summary>
    public int WaitMilliseconds { get; init; }
}

/// <summary>What became of a probe as its sender sees it.</summary>
/// <param name="Packet">The packet in one line.</param>
/// <param name="Answer">The answer in one line; null when none came.</param>
/// <param name="RoundTripMilliseconds">From sending to the answer; null when none came.</param>
/// <param name="IsError">The answer is an ICMP error, so the packet did not reach whom it was meant for.</param>
public sealed record ProbeResult(string? Packet, string? Answer, double? RoundTripMilliseconds, bool IsError);

/// <summary><c>POST /v1/probe/watch</c>: a probe to look for at the port it is to be delivered to.</summary>
public sealed record ProbeWatchRequest
{
    /// <summary>instanceId of the network interface.</summary>
    public Guid Nic { get; init; }

    /// <summary>The probe's mark.</summary>
    public string? Mark { get; init; }

    /// <summary>Its IANA protocol number: 1 for ICMP of either family, 6 or 17.</summary>
    public byte Protocol { get; init; }

    /// <summary>It is IPv6.</summary>
    public bool IsIPv6 { get; init; }

    /// <summary>How long it is looked for, milliseconds, 0 … 10,000.</summary>
    public int WaitMilliseconds { get; init; }
}

/// <summary>An event of a watch.</summary>
/// <param name="Kind"><c>watching</c>: from now on it would be seen; <c>arrived</c>: it was handed to the guest's device; <c>missed</c>: it was not, in the time given.</param>
/// <param name="Packet">The packet as the guest was given it, in one line.</param>
public sealed record ProbeSighting(string Kind, string? Packet);
