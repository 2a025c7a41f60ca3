using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Tests.Crash;

/// <summary>Sixteen clients that put and delete, readers that look at everything all the time, machines that move; and what must be true of it.</summary>
/// <param name="sockets">The controllers.</param>
/// <param name="hosts">The hosts.</param>
/// <param name="movingOn">Those of them that machines move between.</param>
/// <param name="seed">Decides what the clients do.</param>
internal sealed class CrashRun(IReadOnlyList<string> sockets, IReadOnlyList<LivingHost> hosts, IReadOnlyList<LivingHost> movingOn, int seed) : IDisposable
{
    public const int Clients = 16;

    private const int SharedResources = 3;
    private const string ChildOfTable = "routeTables/parent/routes/";
    private const string ChildOfList = "accessControlLists/parent/aclRules/";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    private readonly ConcurrentDictionary<string, History> _histories = [];
    private readonly ConcurrentDictionary<string, string> _holders = [];
    private readonly ConcurrentDictionary<string, IReadOnlyList<string>> _held = [];
    private readonly ConcurrentQueue<string> _violations = [];
    private readonly ConcurrentDictionary<string, int> _refusals = [];
    private readonly CancellationTokenSource _patience = new(s_patience);
    private int _sent;
    private int _acknowledged;
    private int _retried;
    private int _unanswered;
    private int _read;

    /// <summary>Requests that have come to their end.</summary>
    public int Sent => Volatile.Read(ref _sent);

    /// <summary>Those that were done.</summary>
    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>What was seen that must not be.</summary>
    public IEnumerable<string> Violations => _violations;

    public string Summary => string.Create(
        CultureInfo.InvariantCulture,
        $"{Sent} requests: {_acknowledged} done, {_retried} of them sent more than once, {_unanswered} given up unanswered, refused {string.Join(", ", _refusals.Select(r => $"{r.Value} {r.Key}"))}; {_read} lists read meanwhile");

    public void Dispose() => _patience.Dispose();

    /// <summary>Puts what stays.</summary>
    public async Task PrepareAsync()
    {
        using FailoverClient client = new(sockets);
        foreach ((string path, string body) in Workload.Foundation(hosts))
        {
            Outcome outcome = await client.SendAsync(HttpMethod.Put, path, body, once: false, _patience.Token);
            Assert.True(outcome.IsDone, $"{path}: {outcome.Reply?.Message}");
        }

        await hosts[0].Database.SetBindingAsync(new NicId(Workload.InstanceId("networkInterfaces/appliance")), "tap0", _patience.Token);
    }

    /// <summary>Has the clients send their requests; readers and moves go on until they are through.</summary>
    public async Task RunAsync(int requests)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(_patience.Token);
        Task[] beside = [Task.Run(() => ReadAsync(done.Token)), Task.Run(() => ReadAsync(done.Token)), Task.Run(() => MoveAsync(done.Token))];
        try
        {
            await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(() => WriteAsync(client, requests / Clients))));
        }
        finally
        {
            await done.CancelAsync();
            await Task.WhenAll(beside);
        }
    }

    /// <summary>Has one request sent beside those of the clients, and knows of it.</summary>
    /// <param name="path">A resource of one client's own.</param>
    /// <param name="mark">Of the document to put; null to delete.</param>
    /// <param name="client">The client.</param>
    public async Task WriteAsync(string path, string? mark, int client)
    {
        using FailoverClient http = new(sockets);
        await WriteAsync(http, path, mark is null ? null : Workload.Document(path, mark, client, list: null), mark, new Random(seed), isOwn: true);
    }

    /// <summary>Reads all, when nobody writes any more, and checks that it is what was written.</summary>
    /// <returns>The documents, by collection.</returns>
    public async Task<IReadOnlyDictionary<string, JsonNode[]>> ReadAllAsync()
    {
        using FailoverClient client = new(sockets);
        var all = new Dictionary<string, JsonNode[]>();
        foreach (string kind in Workload.Kinds)
        {
            all[kind] = await ReadAsync(client, kind, _patience.Token);
        }

        foreach (string twice in all.Values.SelectMany(nodes => nodes).SelectMany(Workload.Identifiers).GroupBy(id => id).Where(same => same.Count() > 1).Select(same => same.Key))
        {
            _violations.Enqueue($"{twice} is handed out twice.");
        }

        HashSet<string> there = new(all.Values.SelectMany(nodes => nodes).Select(node => (string)node["resourceRef"]!), StringComparer.OrdinalIgnoreCase);
        foreach (JsonNode node in all.Values.SelectMany(nodes => nodes))
        {
            foreach (string reference in References(node["properties"]!).Where(r => Workload.Kinds.Contains(r.Split('/')[1]) && !there.Contains(string.Join('/', r.Split('/')[..3]))))
            {
                _violations.Enqueue($"{node["resourceRef"]} refers to {reference}, which is not there.");
            }
        }

        return all;
    }

    private static IEnumerable<string> References(JsonNode node) => node switch
    {
        JsonObject o => o.SelectMany(member => member.Key == "resourceRef" ? [(string)member.Value!] : member.Value is null ? [] : References(member.Value)),
        JsonArray a => a.OfType<JsonNode>().SelectMany(References),
        _ => [],
    };

    private async Task WriteAsync(int client, int requests)
    {
        var random = new Random(HashCode.Combine(seed, client));
        using FailoverClient http = new(sockets);
        string[] own = [.. Workload.Kinds.Select(kind => $"{kind}/c{client}"), $"networkInterfaces/c{client}b", $"networkInterfaces/c{client}c", $"accessControlLists/c{client}b"];
        for (int i = 0; i < requests; i++)
        {
            int pick = random.Next(10);
            bool remove = random.Next(10) < 3;
            string mark = $"m{client}x{i}x{random.Next(1, Workload.ChildrenMax + 1)}";
            switch (pick)
            {
                case 0:
                    string child = $"{(random.Next(2) == 0 ? ChildOfTable : ChildOfList)}c{client}";
                    await WriteAsync(http, child, remove ? null : ChildBody(child, client, i), remove ? null : ChildMark(child, client, i), random, isOwn: true);
                    break;
                case 1:
                    string shared = $"{(random.Next(2) == 0 ? "accessControlLists" : "publicIPAddresses")}/shared{random.Next(SharedResources)}";
                    await WriteAsync(http, shared, remove ? null : Workload.Document(shared, mark, client, null), remove ? null : mark, random, isOwn: false);
                    break;
                default:
                    string path = own[random.Next(own.Length)];
                    string? list = random.Next(2) == 0 ? $"accessControlLists/c{client}" : null;
                    await WriteAsync(http, path, remove ? null : Workload.Document(path, mark, client, list), remove ? null : mark, random, isOwn: true);
                    break;
            }

            Interlocked.Increment(ref _sent);
        }
    }

    /// <summary>Each child of a common parent says in a property of its own which write it is of.</summary>
    private static string ChildMark(string path, int client, int i) =>
        path.StartsWith(ChildOfTable, StringComparison.Ordinal) ? $"10.{client}.{i % 256}.0/24" : string.Create(CultureInfo.InvariantCulture, $"{1 + i}");

    private static string ChildBody(string path, int client, int i) => path.StartsWith(ChildOfTable, StringComparison.Ordinal)
        ? $$$"""{"properties":{"addressPrefix":"{{{ChildMark(path, client, i)}}}","nextHopType":"None"}}"""
        : $$$"""
          {"properties":{"type":"Inbound","action":"Deny","protocol":"TCP","priority":"{{{1000 + client}}}","sourceAddressPrefix":"*","sourcePortRange":"*","destinationAddressPrefix":"*","destinationPortRange":"{{{ChildMark(path, client, i)}}}"}}
          """;

    private async Task WriteAsync(FailoverClient http, string path, string? body, string? value, Random random, bool isOwn)
    {
        if (_held.TryRemove(path, out IReadOnlyList<string>? held))
        {
            foreach (string id in held)
            {
                _holders.TryRemove(KeyValuePair.Create(id, path));
            }
        }

        History history = _histories.GetOrAdd(path, _ => new History());
        History.Write write = history.Begin(value);
        Outcome outcome = await http.SendAsync(body is null ? HttpMethod.Delete : HttpMethod.Put, path, body, once: random.Next(10) == 0, _patience.Token);
        if (outcome.IsDone)
        {
            Interlocked.Increment(ref _acknowledged);
            _ = outcome.Attempts > 1 ? Interlocked.Increment(ref _retried) : 0;
            history.Acknowledge(write, outcome.Reply!.Headers.GetValueOrDefault("ETag"));
            if (isOwn && outcome.Reply.Body is { } document && path.Count(c => c == '/') == 1)
            {
                Hold(path, [.. Workload.Identifiers(document)]);
                Check(Workload.Halfness(document, value!));
            }
        }
        else if (outcome.Reply is { } refusal)
        {
            _refusals.AddOrUpdate($"{path.Split('/')[0]} {refusal.Code}", 1, (_, count) => count + 1);

            // What is asked may stand in the way of something; it always makes sense.
            Check((int)refusal.Status >= 500 || refusal.Code is ErrorCodes.InvalidRequestFormat ? $"{path}: {refusal.Status} {refusal.Message}" : null);
            if (outcome.Attempts == 1)
            {
                history.Refuse(write);
            }
        }
        else
        {
            Interlocked.Increment(ref _unanswered);
        }
    }

    private void Hold(string path, IReadOnlyList<string> identifiers)
    {
        foreach (string id in identifiers)
        {
            string holder = _holders.GetOrAdd(id, path);
            Check(holder == path ? null : $"{id} was handed out to {path} while {holder} had it.");
        }

        _held[path] = identifiers;
    }

    private async Task ReadAsync(CancellationToken done)
    {
        using FailoverClient client = new(sockets);
        try
        {
            for (int i = 0; !done.IsCancellationRequested; i++)
            {
                await ReadAsync(client, Workload.Kinds[i % Workload.Kinds.Length], done);
                Interlocked.Increment(ref _read);
            }
        }
        catch (OperationCanceledException) when (done.IsCancellationRequested)
        {
            // The clients are through.
        }
    }

    private async Task<JsonNode[]> ReadAsync(FailoverClient client, string kind, CancellationToken patience)
    {
        long begin = Stopwatch.GetTimestamp();
        JsonNode[] nodes = await client.ListAsync(kind, patience);
        long end = Stopwatch.GetTimestamp();
        var seen = new Dictionary<string, (string Mark, string? ETag)>();
        var identifiers = new HashSet<string>();
        foreach (JsonNode node in nodes)
        {
            foreach (string id in Workload.Identifiers(node))
            {
                Check(identifiers.Add(id) ? null : $"{id} is there twice in one list of {kind}.");
            }

            string path = ((string)node["resourceRef"]!)[1..];
            if (Workload.MarkOf(node) is { } mark)
            {
                seen[path] = (mark, (string?)node["etag"]);
                Check(Workload.Halfness(node, mark));
            }

            foreach ((string collection, string property) in new[] { ("routes", "addressPrefix"), ("aclRules", "destinationPortRange") })
            {
                foreach (JsonNode? child in path.EndsWith("/parent", StringComparison.Ordinal) ? node["properties"]![collection]?.AsArray() ?? [] : [])
                {
                    // A sibling's write touches the whole tree and its etags.
                    seen[$"{path}/{collection}/{child!["resourceId"]}"] = ((string)child["properties"]![property]!, null);
                }
            }
        }

        foreach ((string path, History history) in _histories.Where(h => h.Key.StartsWith(kind + "/", StringComparison.Ordinal)))
        {
            (string? mark, string? etag) = seen.TryGetValue(path, out (string, string?) found) ? found : (null, null);
            Check(history.Contradiction(mark, etag, begin, end) is { } wrong ? $"{path}: {wrong}" : null);
        }

        return nodes;
    }

    /// <summary>Plugs machines in and out and from host to host, whether or not their interfaces are there.</summary>
    private async Task MoveAsync(CancellationToken done)
    {
        var random = new Random(HashCode.Combine(seed, Clients));
        try
        {
            while (true)
            {
                string path = $"networkInterfaces/c{random.Next(Clients)}{new[] { "", "b", "c" }[random.Next(3)]}";
                var nic = new NicId(Workload.InstanceId(path));
                LivingHost host = movingOn[random.Next(movingOn.Count)];
                await (random.Next(4) == 0 ? host.Database.RemoveBindingAsync(nic, done) : host.Database.SetBindingAsync(nic, $"tap-{nic}"[..15], done));
                await Task.Delay(TimeSpan.FromMilliseconds(20), done);
            }
        }
        catch (OperationCanceledException) when (done.IsCancellationRequested)
        {
            // The clients are through.
        }
    }

    private void Check(string? violation)
    {
        if (violation is not null)
        {
            _violations.Enqueue(violation);
        }
    }
}
