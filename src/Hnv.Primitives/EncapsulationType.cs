namespace Hnv.Primitives;

/// <summary>How a customer frame is carried between provider addresses. The numbers are VFP's (dump parsers know them).</summary>
public enum EncapsulationType : byte
{
    /// <summary>Not encapsulated.</summary>
    None = 0,

    /// <summary>Ethernet in GRE with the VSID in the key (RFC 7637).</summary>
    Nvgre = 3,

    /// <summary>Ethernet in UDP with the VSID as VNI (RFC 7348).</summary>
    Vxlan = 4,
}
