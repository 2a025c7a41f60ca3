using System.Collections.Immutable;
using Hnv.Dataplane.Userspace;
using Hnv.Linux;
using Hnv.Primitives;
using Hnv.Southbound;
using Hnv.Vfp;

namespace Hnv.HostAgent.Enforcement;

/// <summary>One binding of a network interface to a device, and what became of it.</summary>
/// <param name="Nic">The network interface.</param>
/// <param name="Device">The device it is plugged into.</param>
/// <param name="Port">Its port of the switch; null while the device cannot be opened.</param>
/// <param name="Fault">Why it cannot; null when all is well.</param>
internal sealed record AttachedPort(NicId Nic, string Device, VPort? Port, string? Fault);

/// <summary>
/// Makes the ports of the switch follow the bindings of the policy database. Level-triggered: whatever happened before, after
/// <see cref="Follow"/> every binding has a port, or a fault that says why not, and nothing else has.
/// </summary>
/// <remarks><see cref="Follow"/> is for the policy loop alone; <see cref="Ports"/> may be read by anyone.</remarks>
internal sealed class PortTable(VSwitch vSwitch, UserspaceExecutor executor)
{
    private ImmutableDictionary<NicId, AttachedPort> _ports = ImmutableDictionary<NicId, AttachedPort>.Empty;

    /// <summary>The ports as they stand.</summary>
    public ImmutableDictionary<NicId, AttachedPort> Ports => Volatile.Read(ref _ports);

    /// <summary>True when some port is not as it should be, so that another try may help.</summary>
    public bool HasFaults => Ports.Values.Any(port => port.Fault is not null);

    /// <summary>Opens what is bound and closes what is not.</summary>
    public void Follow(IReadOnlyList<PortBinding> bindings)
    {
        Dictionary<NicId, string> wanted = bindings.ToDictionary(binding => binding.Nic, binding => binding.Device);
        ImmutableDictionary<NicId, AttachedPort>.Builder next = Ports.ToBuilder();
        foreach (AttachedPort port in Ports.Values.Where(port => !wanted.TryGetValue(port.Nic, out string? device) || device != port.Device))
        {
            Close(port);
            _ = next.Remove(port.Nic);
        }

        foreach ((NicId nic, string device) in wanted)
        {
            if (!next.TryGetValue(nic, out AttachedPort? known) || known.Fault is not null)
            {
                next[nic] = Open(nic, device, known?.Port);
            }
        }

        Volatile.Write(ref _ports, next.ToImmutable());
    }

    /// <summary>Goes on with what an earlier agent left in the kernel; to be called when policy is in force and <see cref="Follow"/> has been.</summary>
    /// <returns>Flows that go on, and those that do not; null when there was nothing to adopt.</returns>
    /// <exception cref="LinuxException">The kernel refused; no flow goes on.</exception>
    public (int Adopted, int Rejected)? Adopt() => executor.IsAdopting ? executor.Adopt() : null;

    /// <summary>Notes that the executor lost a port's device; the next <see cref="Follow"/> tries again.</summary>
    public void Lost(VPort port, string reason) =>
        _ = ImmutableInterlocked.AddOrUpdate(
            ref _ports,
            port.Nic,
            nic => new AttachedPort(nic, port.DeviceName, port, reason),
            (_, known) => known with { Fault = reason });

    private AttachedPort Open(NicId nic, string device, VPort? existing)
    {
        VPort port = existing ?? vSwitch.AddPort(nic, device);
        try
        {
            executor.AttachPort(port);
            return new AttachedPort(nic, device, port, null);
        }
        catch (LinuxException error)
        {
            return new AttachedPort(nic, device, port, error.Message);
        }
    }

    private void Close(AttachedPort port)
    {
        if (port.Port is not null)
        {
            executor.DetachPort(port.Port);
        }

        _ = vSwitch.RemovePort(port.Nic);
    }
}
