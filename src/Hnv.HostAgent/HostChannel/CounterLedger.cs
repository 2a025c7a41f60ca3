using System.Text.Json;
using Hnv.Contracts;
using Hnv.Contracts.HostChannel;
using Hnv.HostAgent.Configuration;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.HostAgent.HostChannel;

/// <summary>
/// What was counted for each network interface on this host. A port counts from its attach to its end; the ledger adds up its ports, and keeps the sums in a
/// file, which says at least what was ever answered: so what a reader adds up never goes back, however the agent ends.
/// </summary>
internal sealed partial class CounterLedger(AgentOptions options, VSwitch vSwitch, EventHub events, TimeProvider time, ILogger<CounterLedger> logger) : BackgroundService
{
    /// <summary>Network interfaces remembered; beyond that, those without a port are forgotten.</summary>
    private const int EntriesMax = 16_384;

    /// <summary>How often the sums are written when nobody asks. What a port counted since then is lost when the agent is killed.</summary>
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(10);

    private readonly string _path = Path.Combine(options.StateDirectory, "counters.json");
    private readonly Lock _gate = new();
    private Dictionary<Guid, Entry>? _entries;
    private HostNicTotals? _written;

    /// <summary>One network interface: its port, while it has one, and what its earlier ports counted.</summary>
    private sealed record Entry(VPort? Port, NicTotals Before);

    /// <summary>Adds the routes.</summary>
    public void Map(WebApplication web) => _ = web.MapGet("/v1/counters/nics", () => Answers.Json(Read()));

    /// <summary>The sums as they stand, written down.</summary>
    public HostNicTotals Read()
    {
        lock (_gate)
        {
            HostNicTotals totals = new([.. Look().Select(entry => TotalOf(entry.Value)).OrderBy(total => total.Nic)]);
            if (_written is null || !_written.Nics.SequenceEqual(totals.Nics))
            {
                Write(totals);
            }

            return totals;
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        _ = Read();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Task attaching = FollowAsync(stoppingToken);
        while (!stoppingToken.IsCancellationRequested)
        {
            _ = Read();
            await Task.Delay(s_period, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await attaching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Takes note of a new port at once: it may be gone before we look again.</summary>
    private async Task FollowAsync(CancellationToken cancellation)
    {
        await foreach (HostEvent happened in events.Listen(cancellation))
        {
            if (happened.Kind == "portAttached")
            {
                lock (_gate)
                {
                    _ = Look();
                }
            }
        }
    }

    private Dictionary<Guid, Entry> Look()
    {
        _entries ??= Load();
        HashSet<Guid> present = [];
        foreach (VPort port in vSwitch.Ports)
        {
            Guid nic = port.Nic.Value;
            _ = present.Add(nic);
            if (!_entries.TryGetValue(nic, out Entry? known) || !ReferenceEquals(known.Port, port))
            {
                _entries[nic] = new Entry(port, known is null ? NicTotals.Zero(nic) : TotalOf(known));
            }
        }

        // A port that has been taken out counts no more, and we are the last who know it.
        foreach ((Guid nic, Entry entry) in _entries.Where(entry => entry.Value.Port is not null && !present.Contains(entry.Key)).ToList())
        {
            _entries[nic] = new Entry(null, TotalOf(entry));
        }

        foreach (Guid nic in _entries.Where(entry => entry.Value.Port is null).Select(entry => entry.Key).Take(_entries.Count - EntriesMax).ToList())
        {
            _ = _entries.Remove(nic);
        }

        return _entries;
    }

    private static NicTotals TotalOf(Entry entry)
    {
        if (entry.Port is not { } port)
        {
            return entry.Before;
        }

        PortCounts inbound = port.Counts(Direction.Inbound), outbound = port.Counts(Direction.Outbound);
        return entry.Before.Plus(new NicTotals(
            entry.Before.Nic, VfpViews.Nic(inbound), VfpViews.Nic(outbound), inbound.Bytes, outbound.Bytes, outbound.BilledBytes, outbound.UnbilledBytes));
    }

    private Dictionary<Guid, Entry> Load()
    {
        try
        {
            HostNicTotals? stored = JsonSerializer.Deserialize(File.ReadAllBytes(_path), ContractJson.Default.HostNicTotals);
            return (stored?.Nics ?? []).DistinctBy(total => total.Nic).ToDictionary(total => total.Nic, total => new Entry(null, total));
        }
        catch (Exception error) when (error is IOException or JsonException or UnauthorizedAccessException)
        {
            if (error is not FileNotFoundException)
            {
                LogNotRead(logger, _path, error.Message);
            }

            return [];
        }
    }

    private void Write(HostNicTotals totals)
    {
        try
        {
            string fresh = $"{_path}.new";
            File.WriteAllBytes(fresh, JsonSerializer.SerializeToUtf8Bytes(totals, ContractJson.Default.HostNicTotals));
            File.Move(fresh, _path, overwrite: true);
            _written = totals;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogNotWritten(logger, _path, error.Message);
        }
    }

    [LoggerMessage(3130, LogLevel.Warning, "Counters begin at zero: {Path} cannot be read: {Reason}")]
    private static partial void LogNotRead(ILogger logger, string path, string reason);

    [LoggerMessage(3131, LogLevel.Warning, "What ports counted would be lost with the agent: {Path} cannot be written: {Reason}")]
    private static partial void LogNotWritten(ILogger logger, string path, string reason);
}
