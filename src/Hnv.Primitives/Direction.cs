namespace Hnv.Primitives;

/// <summary>The way a packet goes, always as the VM sees it and as REST ACL rules say it.</summary>
public enum Direction : byte
{
    /// <summary>Sent by the VM.</summary>
    Outbound = 0,

    /// <summary>Delivered to the VM.</summary>
    Inbound = 1,
}
