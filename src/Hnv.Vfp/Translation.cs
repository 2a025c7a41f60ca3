using Hnv.Primitives;
using Hnv.Wire;

namespace Hnv.Vfp;

/// <summary>
/// The two faces of a translated conversation: as the guest knows it and as the network does. Chosen once, by the conversation's first packet, and
/// kept by it whatever policy says later, as long as policy still has the addresses.
/// </summary>
public sealed class Translation
{
    internal Translation(in ConnectionKey guest, in ConnectionKey network)
    {
        Guest = guest;
        Network = network;
    }

    /// <summary>What the conversation holds of a pool; null when nothing.</summary>
    internal NatBindings.Binding? Binding { get; init; }

    internal ConnectionKey Guest { get; }

    internal ConnectionKey Network { get; }

    /// <inheritdoc/>
    public override string ToString() => $"{Guest} as {Network}";

    /// <summary>Rewrites a packet of the conversation to its other face.</summary>
    internal void Apply(Direction direction, ref Ufid flow, ref Transposition transposition)
    {
        bool isOutbound = direction == Direction.Outbound;
        ConnectionKey to = isOutbound ? Network : Guest;
        bool isIcmp = IcmpFlows.IsIcmp(in flow);
        (InetAddress source, InetAddress destination) = isOutbound ? (to.Local, to.Remote) : (to.Remote, to.Local);
        ushort sourcePort = isIcmp || isOutbound ? to.LocalPort : to.RemotePort;
        ushort destinationPort = isIcmp ? flow.DestinationPort : isOutbound ? to.RemotePort : to.LocalPort;
        Rewrite(ref flow, ref transposition, source, destination, sourcePort, destinationPort);
    }

    /// <summary>
    /// Rewrites the addresses of an ICMP error about a packet of the conversation. An error may come from a router on the way, whose address
    /// means the same on both sides.
    /// </summary>
    internal void ApplyToError(Direction direction, ref Ufid flow, ref Transposition transposition)
    {
        (ConnectionKey from, ConnectionKey to) = direction == Direction.Outbound ? (Guest, Network) : (Network, Guest);
        (InetAddress source, InetAddress destination) = direction == Direction.Outbound
            ? (flow.Source == from.Local ? to.Local : flow.Source, flow.Destination == from.Remote ? to.Remote : flow.Destination)
            : (flow.Source == from.Remote ? to.Remote : flow.Source, flow.Destination == from.Local ? to.Local : flow.Destination);
        Rewrite(ref flow, ref transposition, source, destination, flow.SourcePort, flow.DestinationPort);
    }

    /// <summary>The rewrite of the packet that an error quotes: it travelled the other way, so the error brings it back to its sender's face.</summary>
    /// <param name="direction">The error's own direction.</param>
    internal AddressRewrite RewriteOfQuoted(Direction direction)
    {
        ConnectionKey to = direction == Direction.Outbound ? Network : Guest;
        const AddressRewriteParts addresses = AddressRewriteParts.Source | AddressRewriteParts.Destination;
        bool isIcmp = to.Protocol is IPProtocols.Icmp or IPProtocols.IcmpV6;
        AddressRewriteParts parts = isIcmp ? addresses | AddressRewriteParts.SourcePort
            : TransportPorts.Has(to.Protocol) ? addresses | AddressRewriteParts.SourcePort | AddressRewriteParts.DestinationPort
            : addresses;
        return direction == Direction.Inbound
            ? new AddressRewrite
            {
                Source = to.Local,
                Destination = to.Remote,
                SourcePort = to.LocalPort,
                DestinationPort = to.RemotePort,
                Parts = parts,
            }
            : new AddressRewrite
            {
                Source = to.Remote,
                Destination = to.Local,
                SourcePort = isIcmp ? to.LocalPort : to.RemotePort,
                DestinationPort = to.LocalPort,
                Parts = parts,
            };
    }

    /// <summary>Notes what changes in a transposition, and what the packet is from here on.</summary>
    internal static void Rewrite(
        ref Ufid flow, ref Transposition transposition, InetAddress source, InetAddress destination, ushort sourcePort, ushort destinationPort)
    {
        if (source != flow.Source)
        {
            transposition.Source = source;
            transposition.Edits |= TranspositionEdits.Source;
        }

        if (destination != flow.Destination)
        {
            transposition.Destination = destination;
            transposition.Edits |= TranspositionEdits.Destination;
        }

        if (sourcePort != flow.SourcePort)
        {
            transposition.SourcePort = sourcePort;
            transposition.Edits |= TranspositionEdits.SourcePort;
        }

        if (destinationPort != flow.DestinationPort)
        {
            transposition.DestinationPort = destinationPort;
            transposition.Edits |= TranspositionEdits.DestinationPort;
        }

        flow = new Ufid(source, destination, flow.SourceMac, flow.DestinationMac, flow.EtherType, flow.Protocol, flow.Fragment, sourcePort, destinationPort);
    }
}
