using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;
using Hnv.Ovsdb;

namespace Hnv.Controller.Store;

/// <summary>
/// The OVSDB lock that one of several controllers holds on the store's leader: who holds it is in office. It is lost with the session it was
/// granted in. Who lost it unknowingly is fenced out by the epoch, at the store and at the hosts.
/// </summary>
/// <remarks>
/// A holder that hangs keeps its session until the server's own probe ends it, 10 s later. So the first of those who wait, who holds the heir's
/// lock, takes a third one, the pulse, from the holder again and again. A holder that lives takes it back at once; from one that does not, the heir
/// takes office. Locks are kept in the server's memory: nothing of this is written anywhere.
/// </remarks>
internal sealed class StoreLock : IAsyncDisposable
{
    private const string Office = "hnv_controller";
    private const string Heir = "hnv_controller_heir";
    private const string Pulse = "hnv_controller_pulse";
    private const int NoticesMax = 64;
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_beat = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_answerMax = TimeSpan.FromSeconds(1);

    // How long a holder may be silent. Before this is over it must itself have stopped to trust that it is in office.
    private static readonly TimeSpan s_silenceMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_confirmedFor = TimeSpan.FromSeconds(1.5);

    private readonly Session _session;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watch;
    private long _confirmed = Stopwatch.GetTimestamp();

    private StoreLock(Session session)
    {
        _session = session;
        _watch = WatchAsync();
    }

    /// <summary>What the server says of its own accord about one of the locks.</summary>
    private readonly record struct Notice(bool IsGranted, string Lock);

    /// <summary>Fires when the lock is ours no more.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>True while nobody else can be in office: the lock was ours a moment ago, too short for another to have taken it from us.</summary>
    public bool IsConfirmed => Stopwatch.GetElapsedTime(Volatile.Read(ref _confirmed)) < s_confirmedFor;

    /// <summary>Waits, as long as it takes, until the lock is ours.</summary>
    public static async Task<StoreLock> AcquireAsync(IReadOnlyList<OvsdbEndpoint> endpoints, CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            Session? session = null;
            try
            {
                session = await Session.OpenAsync(endpoints, cancellation);
                await TakeTurnAsync(session, cancellation);
                return new StoreLock(session);
            }
            catch (Exception e) when (e is OvsdbException or TimeoutException or OperationCanceledException)
            {
                await (session?.DisposeAsync() ?? ValueTask.CompletedTask);
                await Task.Delay(s_retry, cancellation);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watch;
        await _session.DisposeAsync();
        _stop.Dispose();
        _lost.Dispose();
    }

    /// <summary>Returns in office: it was free, granted, or taken from a holder that is silent while the server is not.</summary>
    private static async Task TakeTurnAsync(Session session, CancellationToken cancellation)
    {
        if (await session.AskAsync(Office, cancellation))
        {
            return;
        }

        bool isHeir = await session.AskAsync(Heir, cancellation);
        long? asked = null;
        while (true)
        {
            if (isHeir && asked is null)
            {
                await session.TakeAsync(Pulse, cancellation);
                asked = Stopwatch.GetTimestamp();
            }

            switch (await session.NextAsync(cancellation))
            {
                case { IsGranted: true, Lock: Office }:
                    return;
                case { IsGranted: true, Lock: Heir }:
                    isHeir = true;
                    break;
                case { IsGranted: false, Lock: Pulse }:
                    await Task.Delay(s_beat, cancellation);
                    asked = null;
                    break;
                default:
                    break;
            }

            if (asked is { } since && Stopwatch.GetElapsedTime(since) > s_silenceMax)
            {
                await session.TakeAsync(Office, cancellation);
                return;
            }
        }
    }

    private async Task WatchAsync()
    {
        try
        {
            await _session.TakeAsync(Pulse, _stop.Token);
            await _session.GiveBackAsync(Heir, _stop.Token);
            while (true)
            {
                long begin = Stopwatch.GetTimestamp();
                Notice? notice = await _session.NextAsync(_stop.Token);
                if (notice is { IsGranted: false, Lock: Office })
                {
                    break;
                }

                if (notice is { IsGranted: false, Lock: Pulse })
                {
                    await _session.TakeAsync(Pulse, _stop.Token);
                    notice = null;
                }

                // The server has answered since, and what it said before that is all read.
                if (notice is null && _session.IsAllRead)
                {
                    Volatile.Write(ref _confirmed, begin);
                }
            }
        }
        catch (Exception e) when (e is OvsdbException or TimeoutException or OperationCanceledException)
        {
            // A leader that does not answer may be one no more.
        }

        await _lost.CancelAsync();
    }

    /// <summary>A session with the leader, the locks that it has asked for, and what it has been told of them. For one caller at a time.</summary>
    private sealed class Session : IAsyncDisposable
    {
        private readonly Channel<Notice> _notices = Channel.CreateBounded<Notice>(NoticesMax);
        private readonly HashSet<string> _asked = [];
        private OvsdbClient _client = null!;

        /// <summary>True when there is no notice that has not been taken.</summary>
        public bool IsAllRead => !_notices.Reader.TryPeek(out _);

        /// <exception cref="OvsdbConnectionException">Nobody leads now.</exception>
        public static async Task<Session> OpenAsync(IReadOnlyList<OvsdbEndpoint> endpoints, CancellationToken cancellation)
        {
            Session session = new();
            session._client = await OvsdbLeader.ConnectAsync(endpoints, OvsdbDocumentStore.Database, cancellation, session.OnNotification);
            return session;
        }

        /// <summary>Asks for a lock; false when the request waits.</summary>
        public Task<bool> AskAsync(string name, CancellationToken cancellation)
        {
            _asked.Add(name);
            return _client.LockAsync(name, cancellation).WaitAsync(s_answerMax, cancellation);
        }

        /// <summary>Takes a lock from whoever has it.</summary>
        public async Task TakeAsync(string name, CancellationToken cancellation)
        {
            await GiveBackAsync(name, cancellation);
            _asked.Add(name);
            await _client.StealAsync(name, cancellation).WaitAsync(s_answerMax, cancellation);
        }

        /// <summary>Withdraws from a lock that was asked for: a session asks for one once.</summary>
        public async Task GiveBackAsync(string name, CancellationToken cancellation)
        {
            if (_asked.Remove(name))
            {
                await _client.UnlockAsync(name, cancellation).WaitAsync(s_answerMax, cancellation);
            }
        }

        /// <summary>The next notice; null when there was none for a while and the server answers.</summary>
        public async Task<Notice?> NextAsync(CancellationToken cancellation)
        {
            using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            Task first = await Task.WhenAny(_notices.Reader.WaitToReadAsync(wait.Token).AsTask(), _client.Closed, Task.Delay(s_beat, wait.Token));
            await wait.CancelAsync();
            if (first == _client.Closed)
            {
                throw new OvsdbConnectionException("The session ended.");
            }

            cancellation.ThrowIfCancellationRequested();
            if (_notices.Reader.TryRead(out Notice notice))
            {
                return notice;
            }

            // A notice that came before the answer was there all along, while we were not.
            await _client.EchoAsync(cancellation).WaitAsync(s_answerMax, cancellation);
            return _notices.Reader.TryRead(out notice) ? notice : null;
        }

        public ValueTask DisposeAsync() => _client.DisposeAsync();

        private void OnNotification(string method, JsonElement parameters)
        {
            if (method is "locked" or "stolen")
            {
                // One that finds no room leaves a pulse unanswered, and so counts as what it is: a holder that does not keep up.
                _notices.Writer.TryWrite(new Notice(method == "locked", parameters[0].GetString()!));
            }
        }
    }
}
