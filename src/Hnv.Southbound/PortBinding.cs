using Hnv.Primitives;

namespace Hnv.Southbound;

/// <summary>A device that was plugged into the virtual switch as the port of a network interface (a row of <c>Port_Binding</c>).</summary>
/// <param name="Nic">Whose port it is.</param>
/// <param name="Device">The Linux device, as the host agent spells it.</param>
/// <param name="AttachedAt">When it was plugged in, to the millisecond.</param>
/// <param name="Status">Whether its policy is in force.</param>
public sealed record PortBinding(NicId Nic, string Device, DateTimeOffset AttachedAt, EnforcementStatus Status);
