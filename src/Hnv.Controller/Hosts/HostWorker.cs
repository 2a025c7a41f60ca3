using Hnv.Controller.Model;
using Hnv.Ovsdb;
using Hnv.Policy;
using Hnv.Southbound;

namespace Hnv.Controller.Hosts;

/// <summary>
/// Keeps one host at its desired policy. Level-triggered: every event only says "look again", and a look compares what the host says
/// with what is desired now, whatever happened in between.
/// </summary>
internal sealed partial class HostWorker : IAsyncDisposable
{
    private static readonly TimeSpan s_retryMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_retryMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_farewell = TimeSpan.FromSeconds(2);

    // Nothing should ever be missed; this bounds the harm if it is.
    private static readonly TimeSpan s_safetyNet = TimeSpan.FromSeconds(30);

    private readonly HostSession _session;
    private readonly ChangeSignal _look = new();
    private readonly Action _reported;
    private readonly Action<long> _inForce;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _pushing;
    private readonly Task _listening;
    private volatile HostPolicy? _desired;
    private volatile string? _refusal;
    private long _wave;
    private long _pushed;

    /// <param name="server">Its server.</param>
    /// <param name="address">Where its database is.</param>
    /// <param name="session">The session with that; disposed of with the worker.</param>
    /// <param name="reported">Called when the host may have something new to say.</param>
    /// <param name="inForce">Called with the wave whose policy the host says is in force; more than once with the same.</param>
    /// <param name="logger">Where to log.</param>
    public HostWorker(Node server, string address, HostSession session, Action reported, Action<long> inForce, ILogger logger)
    {
        Server = server;
        Address = address;
        _session = session;
        _reported = reported;
        _inForce = inForce;
        _logger = logger;
        _listening = ListenAsync();
        _pushing = PushAsync();
    }

    /// <summary>The server as it was when the session was opened.</summary>
    public Node Server { get; }

    /// <summary>Where its database was looked for.</summary>
    public string Address { get; }

    public HostSessionStatus Status => _session.Status;

    public HostReport Report => _session.Report;

    /// <summary>Why the host's last push failed; null when it did not.</summary>
    public string? Refusal => _refusal;

    /// <summary>What the host is to have; null until the first plan.</summary>
    public HostPolicy? Desired => _desired;

    /// <summary>The <c>next_cfg</c> that covers the desired policy; 0 while it has not been pushed.</summary>
    public long PushedConfiguration => Volatile.Read(ref _pushed);

    /// <summary>True when the host says that all of the desired policy is in force in its switch.</summary>
    public bool IsInForce => PushedConfiguration is > 0 and var pushed && _session.Report.CurrentConfiguration >= pushed;

    /// <summary>Says what the host is to have from now on.</summary>
    /// <param name="policy">All of it.</param>
    /// <param name="wave">The wave of the <see cref="Engine.Propagation"/> that it came with.</param>
    /// <returns>False when it has been that already.</returns>
    public bool Desire(HostPolicy policy, long wave)
    {
        bool changes = _desired is null || !_desired.Equals(policy);
        lock (_gate)
        {
            _wave = wave;
            if (changes)
            {
                _desired = policy;
                _pushed = 0;
            }
        }

        if (changes)
        {
            _look.Set();
        }
        else
        {
            Confirm();
        }

        return changes;
    }

    /// <summary>Empties the host's policy, as far as it can be reached: its server resource is gone.</summary>
    public async Task RetireAsync()
    {
        using var limit = new CancellationTokenSource(s_farewell);
        try
        {
            if (_session.Status.State == HostSessionState.Connected)
            {
                await _session.PushAsync(HostPolicy.Empty, limit.Token);
            }
        }
        catch (Exception e) when (e is HostSessionException or OvsdbException or OperationCanceledException)
        {
            Log.FarewellFailed(_logger, Server.Ref, e.Message);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _look.Complete();
        try
        {
            await Task.WhenAll(_pushing, _listening);
        }
        catch (OperationCanceledException)
        {
            // How the two loops end.
        }

        await _session.DisposeAsync();
        _stop.Dispose();
    }

    private async Task ListenAsync()
    {
        (object Ports, string HostId, HostSessionState State)? told = null;
        await foreach (bool _ in _session.Changes.ReadAllAsync(_stop.Token))
        {
            _look.Set();
            Confirm();

            // Most of what a host says is how far it is, and nobody is planned otherwise for that.
            (object, string, HostSessionState) now = (_session.Report.Ports, _session.Report.HostId, _session.Status.State);
            if (!now.Equals(told))
            {
                told = now;
                _reported();
            }
        }
    }

    private void Confirm()
    {
        lock (_gate)
        {
            if (IsInForce)
            {
                _inForce(_wave);
            }
        }
    }

    private async Task PushAsync()
    {
        TimeSpan retry = s_retryMin;
        while (!_stop.IsCancellationRequested)
        {
            bool settled = await LookAsync();
            TimeSpan wait = settled ? s_safetyNet : retry;
            retry = settled ? s_retryMin : retry * 2 < s_retryMax ? retry * 2 : s_retryMax;
            await WaitAsync(wait);
        }
    }

    /// <summary>Compares and pushes; false when it should be tried again soon.</summary>
    private async Task<bool> LookAsync()
    {
        if (_desired is not { } desired || _session.Status.State != HostSessionState.Connected)
        {
            return true;
        }

        try
        {
            if (PushedConfiguration == 0 || !_session.IsCurrent(desired))
            {
                PushResult result = await _session.PushAsync(desired, _stop.Token);
                lock (_gate)
                {
                    _pushed = ReferenceEquals(desired, _desired) ? result.Configuration : 0;
                }

                Confirm();
                if (result.RowsWritten > 0)
                {
                    Log.Pushed(_logger, Server.Ref, result.RowsWritten, result.Configuration);
                }
            }

            _refusal = null;
            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever it is: a loop that ended here would leave the host behind for good, and nobody would be told.
            string refusal = $"{Server.Ref}: its policy cannot be pushed to {Address}: {e.Message}";
            if (_refusal != refusal)
            {
                Log.PushFailed(_logger, e, Server.Ref);
            }

            _refusal = refusal;
            return false;
        }
    }

    private async Task WaitAsync(TimeSpan atMost)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(atMost);
        try
        {
            _ = await _look.Reader.ReadAsync(limit.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or System.Threading.Channels.ChannelClosedException)
        {
            // Time to look again anyway, or to stop; the loop decides.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 2201, Level = LogLevel.Information, Message = "{Server}: {Rows} rows written, configuration {Configuration}")]
        public static partial void Pushed(ILogger logger, string server, int rows, long configuration);

        [LoggerMessage(EventId = 2202, Level = LogLevel.Warning, Message = "{Server}: policy was not taken")]
        public static partial void PushFailed(ILogger logger, Exception exception, string server);

        [LoggerMessage(EventId = 2203, Level = LogLevel.Warning, Message = "{Server} was deleted, but its host keeps its policy: {Reason}")]
        public static partial void FarewellFailed(ILogger logger, string server, string reason);
    }
}
