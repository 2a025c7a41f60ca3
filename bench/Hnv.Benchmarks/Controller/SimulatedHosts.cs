using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Hnv.Ovsdb;
using Hnv.Southbound;

namespace Hnv.Benchmarks.Controller;

/// <summary>
/// Hosts as the controller sees them: for each a stock <c>ovsdb-server</c> process with the agent's databases on a TCP port of its own,
/// and a reporter in this process that plays the agent: it says which port is plugged in and, a moment after policy came, that it is in force.
/// </summary>
internal sealed class SimulatedHosts : IAsyncDisposable
{
    private const int FirstPort = 20_000;
    private const int StartedAtOnce = 8;

    // Real agents work on processors of their own, so they do not answer into the middle of a measurement on this one.
    private static readonly TimeSpan s_applies = TimeSpan.FromSeconds(1.5);

    private readonly string _directory;
    private readonly List<Host> _hosts = [];
    private readonly ConcurrentDictionary<string, string> _templates = new();

    private SimulatedHosts(string directory) => _directory = directory;

    public IReadOnlyList<Host> All => _hosts;

    /// <summary>Resident memory of one server that is not shared with the others, MiB; 0 before there is one.</summary>
    public double MibOfOne { get; private set; }

    /// <summary>How many servers fit into a part of the free memory, each with that many rows.</summary>
    public static int Fitting(int wanted, double mibOfOne, int rows)
    {
        const double Share = 0.6, MibOfARow = 0.003;
        double free = double.Parse(File.ReadLines("/proc/meminfo").First(line => line.StartsWith("MemAvailable", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
        return Math.Min(wanted, (int)(free * Share / (mibOfOne + (rows * MibOfARow))));
    }

    /// <summary>Starts them.</summary>
    /// <param name="wanted">How many, if the memory suffices.</param>
    /// <param name="directory">Where their files go.</param>
    /// <param name="progress">Told now and then.</param>
    /// <param name="cancellation">Gives up.</param>
    public static async Task<SimulatedHosts> StartAsync(int wanted, string directory, Action<string> progress, CancellationToken cancellation)
    {
        var hosts = new SimulatedHosts(directory);
        try
        {
            await hosts.MakeTemplatesAsync(cancellation);
            hosts._hosts.Add(await hosts.StartOneAsync(0, cancellation));
            hosts.MibOfOne = hosts._hosts[0].PrivateMib();
            int count = Fitting(wanted, hosts.MibOfOne, wanted);
            progress(string.Create(CultureInfo.InvariantCulture, $"one ovsdb-server holds {hosts.MibOfOne:F1} MiB of its own; starting {count}"));
            var started = new Host[count];
            started[0] = hosts._hosts[0];
            await Parallel.ForEachAsync(Enumerable.Range(1, count - 1), new ParallelOptions { MaxDegreeOfParallelism = StartedAtOnce, CancellationToken = cancellation }, async (number, stop) =>
            {
                Host host = await hosts.StartOneAsync(number, stop);
                started[number] = host;
                lock (hosts._hosts)
                {
                    hosts._hosts.Add(host);
                }
            });
            return hosts;
        }
        catch
        {
            await hosts.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Host host in _hosts)
        {
            await host.DisposeAsync();
        }
    }

    // One file of each database is made by the tool and copied: three more processes for each host would take longest of all.
    private async Task MakeTemplatesAsync(CancellationToken cancellation)
    {
        foreach (OvsdbDatabaseFile database in HostSchemas.All)
        {
            string schema = Path.Combine(_directory, database.Name + ".ovsschema"), file = Path.Combine(_directory, database.Name + ".db");
            await File.WriteAllTextAsync(schema, database.Schema, cancellation);
            using Process tool = Process.Start("ovsdb-tool", ["create", file, schema]);
            await tool.WaitForExitAsync(cancellation);
            _templates[database.Name] = file;
        }
    }

    private async Task<Host> StartOneAsync(int number, CancellationToken cancellation)
    {
        string directory = Path.Combine(_directory, number.ToString("D4", CultureInfo.InvariantCulture));
        Directory.CreateDirectory(directory);
        List<string> files = [];
        foreach ((string name, string template) in _templates)
        {
            string file = Path.Combine(directory, name + ".db");
            File.Copy(template, file);
            files.Add(file);
        }

        int port = FirstPort + number;
        string socket = Path.Combine(directory, "s");
        var process = Process.Start(new ProcessStartInfo(
            "setsid",
            [
                "ovsdb-server", $"--remote=punix:{socket}", $"--remote=ptcp:{port}:127.0.0.1", $"--unixctl={directory}/c", "--no-chdir", "-vconsole:off", "-vsyslog:off", .. files,
            ]))!;
        long begin = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return await Host.ConnectAsync(process, port, OvsdbEndpoint.Unix(socket), s_applies, cancellation);
            }
            catch (OvsdbConnectionException) when (!process.HasExited && Stopwatch.GetElapsedTime(begin) < TimeSpan.FromSeconds(20))
            {
                await Task.Delay(10, cancellation);
            }
        }
    }

    /// <summary>One host.</summary>
    internal sealed class Host : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly TimeSpan _applies;
        private OvsdbClient _reporter = null!;
        private long _next;
        private int _applying;
        private long _changedAt;

        private Host(Process process, int port, TimeSpan applies)
        {
            _process = process;
            _applies = applies;
            Address = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");
        }

        /// <summary>The <c>instanceId</c> of its <c>servers</c> resource.</summary>
        public Guid Id { get; } = Guid.NewGuid();

        /// <summary>The instanceId of the interface that is plugged in here.</summary>
        public Guid Nic { get; } = Guid.NewGuid();

        public string Address { get; }

        /// <summary>The last <c>next_cfg</c> that was seen here.</summary>
        public long Next => Volatile.Read(ref _next);

        /// <summary>When it was seen, as <see cref="Stopwatch.GetTimestamp"/> counts.</summary>
        public long ChangedAt => Volatile.Read(ref _changedAt);

        public static async Task<Host> ConnectAsync(Process process, int port, OvsdbEndpoint endpoint, TimeSpan applies, CancellationToken cancellation)
        {
            var host = new Host(process, port, applies);
            host._reporter = await OvsdbClient.ConnectAsync(endpoint, cancellation, host.OnNotification);
            return host;
        }

        /// <summary>Says who the host is and what is plugged in, and begins to follow what it is told.</summary>
        public async Task ReportAsync(CancellationToken cancellation)
        {
            using var vtep = new OvsdbTransaction(HostSchemas.VtepName);
            vtep.Insert("Global", [KeyValuePair.Create("other_config", OvsdbValue.Map(
                [KeyValuePair.Create("host_id", Id.ToString("D")), KeyValuePair.Create("agent_version", "bench")]))]);
            vtep.Insert("Port_Binding",
            [
                KeyValuePair.Create<string, OvsdbValue>("attached_at", DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()),
                KeyValuePair.Create<string, OvsdbValue>("device", "tap0"),
                KeyValuePair.Create<string, OvsdbValue>("nic_id", Nic.ToString("D")),
                KeyValuePair.Create("status", OvsdbValue.Map(EnforcementStatus.Running.ToMap())),
            ]);
            await _reporter.TransactAsync(vtep, cancellation);
            foreach ((string database, string table) in Globals.Skip(1))
            {
                using var insert = new OvsdbTransaction(database);
                insert.Insert(table, []);
                await _reporter.TransactAsync(insert, cancellation);
            }

            await _reporter.MonitorCondSinceAsync(
                HostSchemas.VtepName, "next", new Dictionary<string, IReadOnlyList<string>> { ["Global"] = ["next_cfg"] }, Guid.Empty, cancellation);
        }

        /// <summary>Counts the rows of a table.</summary>
        public async Task<int> CountAsync(string table, CancellationToken cancellation)
        {
            using var look = new OvsdbTransaction(HostSchemas.VtepName);
            look.Select(table, OvsdbTransaction.EveryRow, "_uuid");
            return (await _reporter.TransactAsync(look, cancellation)).Rows(0).Count;
        }

        /// <summary>Memory that only this server uses, MiB.</summary>
        public double PrivateMib() => File.ReadLines($"/proc/{_process.Id}/smaps_rollup")
            .Where(line => line.StartsWith("Private_", StringComparison.Ordinal))
            .Sum(line => double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture)) / 1024;

        public async ValueTask DisposeAsync()
        {
            await _reporter.DisposeAsync();
            _process.Kill();
            _process.Dispose();
        }

        private static (string Database, string Table)[] Globals { get; } =
            [(HostSchemas.VtepName, "Global"), (HostSchemas.FirewallName, "FW_Global"), (HostSchemas.ServiceInsertionName, "SI_Global")];

        private void OnNotification(string method, JsonElement parameters)
        {
            if (method != "update3" || !parameters[2].TryGetProperty("Global", out JsonElement rows))
            {
                return;
            }

            foreach (JsonProperty row in rows.EnumerateObject())
            {
                if (row.Value.TryGetProperty("modify", out JsonElement change) && change.TryGetProperty("next_cfg", out JsonElement next))
                {
                    Volatile.Write(ref _changedAt, Stopwatch.GetTimestamp());
                    Volatile.Write(ref _next, next.GetInt64());
                    if (Interlocked.Exchange(ref _applying, 1) == 0)
                    {
                        _ = ApplyAsync();
                    }
                }
            }
        }

        private async Task ApplyAsync()
        {
            await Task.Delay(_applies);
            Volatile.Write(ref _applying, 0);
            long configuration = Next;
            try
            {
                foreach ((string database, string table) in Globals)
                {
                    using var report = new OvsdbTransaction(database);
                    report.Update(table, OvsdbTransaction.EveryRow, [KeyValuePair.Create<string, OvsdbValue>("cur_cfg", configuration)]);
                    await _reporter.TransactAsync(report, CancellationToken.None);
                }
            }
            catch (OvsdbConnectionException)
            {
                // The measurement is over.
            }
        }
    }
}
