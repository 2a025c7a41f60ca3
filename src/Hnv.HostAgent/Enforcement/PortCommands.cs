using System.Net;
using Hnv.Contracts.HostChannel;
using Hnv.HostAgent.HostChannel;
using Hnv.HostAgent.Configuration;
using Hnv.Linux.Netlink;
using Hnv.Ovsdb;
using Hnv.Primitives;
using Hnv.Southbound;

namespace Hnv.HostAgent.Enforcement;

/// <summary>Plugs devices in and out on request: checked, noted durably, in force when the call ends; or refused with nothing changed.</summary>
internal sealed class PortCommands(AgentOptions options, HostPolicyDatabase database, PortTable ports, PolicyLoop loop, EventHub events, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1, 1);

    /// <summary>Plugs a device into the port of a network interface; idempotent.</summary>
    /// <exception cref="PortCommandException">It was refused; nothing changed.</exception>
    public async Task<AttachedPort> AttachAsync(NicId nic, string device, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            Check(nic, device);
            await database.SetBindingAsync(nic, device, cancellation);
            await loop.LookAgainAsync(cancellation);
            if (!ports.Ports.TryGetValue(nic, out AttachedPort? port) || port.Fault is not null)
            {
                await database.RemoveBindingAsync(nic, CancellationToken.None);
                await loop.LookAgainAsync(CancellationToken.None);
                throw new PortCommandException(HttpStatusCode.Conflict, "PortNotAttached", $"Device {device} cannot be opened for networkInterface {nic}: {port?.Fault ?? "its port did not appear"}");
            }

            events.Publish(new HostEvent("portAttached", time.GetUtcNow(), nic.Value, device));
            return port;
        }
        catch (OvsdbException error)
        {
            throw new PortCommandException(HttpStatusCode.ServiceUnavailable, "ServiceUnavailable", $"The policy database did not take the binding of {device}, so nothing was attached: {error.Message}");
        }
        finally
        {
            _ = _one.Release();
        }
    }

    /// <summary>Plugs it out.</summary>
    /// <returns>False when the network interface has no port here.</returns>
    /// <exception cref="PortCommandException">It was refused; nothing changed.</exception>
    public async Task<bool> DetachAsync(NicId nic, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            PortBinding? binding = database.Bindings.FirstOrDefault(binding => binding.Nic == nic);
            if (binding is null)
            {
                return false;
            }

            await database.RemoveBindingAsync(nic, cancellation);
            await loop.LookAgainAsync(cancellation);
            events.Publish(new HostEvent("portDetached", time.GetUtcNow(), nic.Value, binding.Device));
            return true;
        }
        catch (OvsdbException error)
        {
            throw new PortCommandException(HttpStatusCode.ServiceUnavailable, "ServiceUnavailable", $"The policy database did not take the removal, so the port stays: {error.Message}");
        }
        finally
        {
            _ = _one.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _one.Dispose();

    private void Check(NicId nic, string device)
    {
        if (options.Uplinks.Contains(device, StringComparer.Ordinal))
        {
            throw new PortCommandException(HttpStatusCode.Conflict, "PortInUse", $"Device {device} is an uplink of this host; a port needs a TAP or veth device of its own.");
        }

        using (RouteSocket route = RouteSocket.Open())
        {
            if (route.TryGetLink(device) is null)
            {
                throw new PortCommandException(HttpStatusCode.NotFound, "NotFound", $"Host {options.Name} has no device '{device}'. It has {string.Join(", ", route.Links().Select(link => link.Name).Where(name => name != "lo" && !options.Uplinks.Contains(name)))}.");
            }
        }

        if (database.Bindings.FirstOrDefault(binding => binding.Device == device && binding.Nic != nic) is { } other)
        {
            throw new PortCommandException(HttpStatusCode.Conflict, "PortInUse", $"Device {device} is the port of networkInterface {other.Nic} already. Detach it first: hnv port detach {other.Nic}");
        }
    }
}

/// <summary>A port command was refused and changed nothing.</summary>
internal sealed class PortCommandException(HttpStatusCode status, string code, string message) : Exception(message)
{
    /// <summary>The HTTP status of the refusal.</summary>
    public HttpStatusCode Status { get; } = status;

    /// <summary>Its code, for programs.</summary>
    public string Code { get; } = code;
}
