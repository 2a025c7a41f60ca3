using Hnv.Primitives;
using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Ebpf;

/// <summary>Transpositions as the programs carry them out.</summary>
internal static class FlowActions
{
    private const TranspositionEdits Carried = TranspositionEdits.DestinationMac | TranspositionEdits.SourceMac | TranspositionEdits.DecrementTtl
        | TranspositionEdits.Translation | TranspositionEdits.FixedDscp;

    /// <summary>True for flows that the programs know: whole packets of TCP, UDP and ICMP over IPv4 and IPv6.</summary>
    public static bool MayCarry(in Ufid flow)
    {
        bool isIPv4 = flow.EtherType == EtherTypes.IPv4;
        return (isIPv4 || flow.EtherType == EtherTypes.IPv6)
            && flow.Fragment == FragmentClass.Whole
            && (flow.Protocol is IPProtocols.Tcp or IPProtocols.Udp || flow.Protocol == (isIPv4 ? IPProtocols.Icmp : IPProtocols.IcmpV6));
    }

    /// <summary>Writes the edits, and what the tunnel header says when there is one.</summary>
    /// <returns>False for a translation that the executor would refuse: to the other family, or of a port that ICMP does not have.</returns>
    public static bool TryWrite(in Transposition transposition, in Ufid flow, ref FlowAction action)
    {
        TranspositionEdits edits = transposition.Edits & Carried;
        bool isIPv4 = flow.EtherType == EtherTypes.IPv4;
        action.Edits = (ushort)edits;
        action.MaxLength = transposition.MaxLength;
        action.TrafficClass = (byte)(transposition.OuterDscp << 2);
        action.SourcePortBe = AbiFields.Be(transposition.SourcePort);
        action.DestinationPortBe = AbiFields.Be(transposition.DestinationPort);
        action.DestinationMac = AbiFields.Bytes(transposition.DestinationMac);
        action.SourceMac = AbiFields.Bytes(transposition.SourceMac);
        action.Source = AbiFields.Words(transposition.Source);
        action.Destination = AbiFields.Words(transposition.Destination);
        if ((transposition.Edits & TranspositionEdits.Encap) != 0)
        {
            uint entropy = flow.Entropy();
            bool isVxlan = transposition.Encapsulation == EncapsulationType.Vxlan;
            action.Encapsulation = isVxlan ? (byte)Abi.EncapsulationVxlan : (byte)Abi.EncapsulationNvgre;
            action.Vsid = transposition.Vsid.Value;
            action.EntropyBe = AbiFields.Be(VxlanHeader.SourcePort(entropy));
            action.FlowId = NvgreHeader.FlowId(entropy);
        }

        bool isIcmp = flow.Protocol is IPProtocols.Icmp or IPProtocols.IcmpV6;
        return !((edits & TranspositionEdits.Source) != 0 && transposition.Source.IsIPv4 != isIPv4)
            && !((edits & TranspositionEdits.Destination) != 0 && transposition.Destination.IsIPv4 != isIPv4)
            && !(isIcmp && (edits & TranspositionEdits.DestinationPort) != 0);
    }
}
