using System.Collections.Immutable;
using Hnv.Compiler;
using Hnv.Contracts.HostChannel;
using Hnv.HostAgent.HostChannel;
using Hnv.Linux;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Southbound;
using Hnv.Vfp;

namespace Hnv.HostAgent.Enforcement;

/// <summary>
/// The one loop that makes this host do what its policy database says: rows → policy → program, provider addresses, ports. An event only
/// means "look again"; every pass starts from what the database holds now, so a missed or doubled event does no harm.
/// </summary>
internal sealed partial class PolicyLoop(
    HostPolicyDatabase database,
    VSwitch vSwitch,
    PortTable ports,
    ProviderNetwork providerNetwork,
    EventHub events,
    TimeProvider time,
    ILogger<PolicyLoop> logger) : BackgroundService
{
    /// <summary>How often faults are tried again and flows aged.</summary>
    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1);

    /// <summary>How often the compartment is looked at although nothing was asked for: somebody may have changed it by hand.</summary>
    private static readonly TimeSpan s_fullPass = TimeSpan.FromSeconds(30);

    private readonly System.Threading.Channels.Channel<TaskCompletionSource> _requests =
        System.Threading.Channels.Channel.CreateBounded<TaskCompletionSource>(4096);

    private HostPolicyReading _reading = new(HostPolicy.Empty, []);
    private ImmutableArray<PolicyError> _compileErrors = [];
    private HostFacts _facts = HostFacts.Unknown;
    private CompileResult? _compiled;
    private long _lastFullPass;

    /// <summary>The policy in force.</summary>
    public HostPolicy Policy => Volatile.Read(ref _reading).Policy;

    /// <summary>What in the policy makes no sense, rows and compiled parts alike; empty when all does.</summary>
    public IReadOnlyList<string> Faults => [.. Volatile.Read(ref _reading).Errors.Select(error => error.ToString()), .. _compileErrors.Select(error => error.ToString())];

    /// <summary>Ends when a pass has been made that began after this call.</summary>
    public async Task LookAgainAsync(CancellationToken cancellation)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _requests.Writer.WriteAsync(done, cancellation);
        await done.Task.WaitAsync(cancellation);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await database.WaitUntilSyncedAsync(stoppingToken);
        bool policyChanged = true;
        while (!stoppingToken.IsCancellationRequested)
        {
            List<TaskCompletionSource> waiting = [];
            while (_requests.Reader.TryRead(out TaskCompletionSource? request))
            {
                waiting.Add(request);
            }

            try
            {
                Pass(policyChanged);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // A bug must not end enforcement for everybody: say it, keep what is in force, try again at the next tick.
                LogPassFailed(error);
            }

            waiting.ForEach(request => request.TrySetResult());
            policyChanged = await WaitForWorkAsync(stoppingToken);
        }
    }

    private void Pass(bool policyChanged)
    {
        bool full = time.GetElapsedTime(_lastFullPass) >= s_fullPass || _lastFullPass == 0;
        HostPolicyReading? changed = policyChanged ? ReadChanged() : null;
        HostPolicyReading wanted = changed ?? _reading;
        providerNetwork.Follow(wanted.Policy.ProviderAddresses, evenIfUnchanged: full || providerNetwork.HasFaults);
        HostFacts facts = new(providerNetwork.UnderlayMtu);
        if (changed is not null || facts != _facts)
        {
            Install(wanted, facts);
        }

        ports.Follow(database.Bindings);
        Adopt();
        providerNetwork.FollowUplink();
        vSwitch.Age(Environment.TickCount64);
        Report();
        if (full)
        {
            _lastFullPass = time.GetTimestamp();
        }
    }

    private void Adopt()
    {
        try
        {
            long started = time.GetTimestamp();
            if (ports.Adopt() is var (adopted, rejected))
            {
                LogAdopted(adopted, rejected, time.GetElapsedTime(started).TotalMilliseconds);
            }
        }
        catch (LinuxException error)
        {
            LogNotAdopted(error.Message);
        }
    }

    /// <returns>What the database holds now; null when that is what is in force.</returns>
    private HostPolicyReading? ReadChanged()
    {
        // Often only bindings or our own reports moved. The content is compared, not next_cfg: a row changed by hand counts, too (R100).
        HostPolicyReading reading = database.ReadPolicy();
        return reading.Policy == Policy && reading.Errors.AsSpan().SequenceEqual(_reading.Errors.AsSpan()) ? null : reading;
    }

    private void Install(HostPolicyReading reading, HostFacts facts)
    {
        long started = time.GetTimestamp();
        CompileResult compiled = HostCompiler.Compile(reading.Policy, facts, _compiled);
        _compiled = compiled;
        vSwitch.Install(compiled.Program);
        _compileErrors = [.. compiled.Errors];
        _facts = facts;
        Volatile.Write(ref _reading, reading);
        LogInstalled(reading.Policy.Configuration, reading.Policy.Ports.Length, reading.Policy.Mappings.Length, time.GetElapsedTime(started).TotalMilliseconds);
        foreach (string fault in Faults)
        {
            LogPolicyFault(fault);
        }

        events.Publish(new HostEvent("policyApplied", time.GetUtcNow(), Configuration: reading.Policy.Configuration));
    }

    private void Report()
    {
        foreach ((ProviderAddress address, EnforcementStatus status) in providerNetwork.Statuses)
        {
            database.SetProviderAddressStatus(address, status);
        }

        foreach (AttachedPort port in ports.Ports.Values)
        {
            database.SetBindingStatus(port.Nic, StatusOf(port));
        }

        database.ReportApplied(Policy.Configuration);
    }

    /// <summary>How one port is doing, in the words of configurationState.</summary>
    public EnforcementStatus StatusOf(AttachedPort port)
    {
        if (port.Fault is not null)
        {
            return new EnforcementStatus(EnforcementState.Failed, "PolicyConfigurationFailureOnVfp", port.Fault);
        }

        if (!vSwitch.Program.Ports.TryGetValue(port.Nic, out PortProgram? program))
        {
            return new EnforcementStatus(EnforcementState.Blocked, "PortBlocked", $"networkInterface {port.Nic} is plugged into {port.Device}, and no policy for it has come. Does the networkInterfaces resource exist?");
        }

        if (program.IsFailClosed || _compiled?.Refused.Contains(port.Nic) == true)
        {
            string why = string.Join(" ", _compileErrors.Where(error => error.Subject.StartsWith($"networkInterfaces/{program.Name}", StringComparison.Ordinal)).Select(error => error.ToString()));
            return new EnforcementStatus(EnforcementState.Failed, "PolicyConfigurationFailure", $"{(why.Length > 0 ? why : "its policy contradicts itself.")} {(program.IsFailClosed ? "The port drops everything." : "What was in force before stays in force.")}");
        }

        if (!program.IsVirtualized)
        {
            return providerNetwork.UplinkFault is { } fault
                ? new EnforcementStatus(EnforcementState.Failed, "PolicyConfigurationFailureOnVfp", $"it is in no virtual subnet, and the physical network cannot be reached: {fault}")
                : EnforcementStatus.Running;
        }

        EnforcementStatus? address = providerNetwork.Statuses.Values.FirstOrDefault(status => status.State == EnforcementState.Failed);
        return address ?? EnforcementStatus.Running;
    }

    private async Task<bool> WaitForWorkAsync(CancellationToken stoppingToken)
    {
        using CancellationTokenSource tick = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        Task<bool> changed = database.Changes.WaitToReadAsync(tick.Token).AsTask();
        Task<bool> asked = _requests.Reader.WaitToReadAsync(tick.Token).AsTask();
        _ = await Task.WhenAny(changed, asked, Task.Delay(s_tick, time, tick.Token));
        await tick.CancelAsync();

        bool policyChanged = false;
        while (database.Changes.TryRead(out _))
        {
            policyChanged = true;
        }

        return policyChanged;
    }
}
