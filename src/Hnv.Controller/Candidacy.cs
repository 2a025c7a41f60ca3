using System.Security.Cryptography;
using Hnv.Controller.Store;
using Hnv.Ovsdb;

namespace Hnv.Controller;

/// <summary>One of several controllers on one store: waits for the store's lock, holds office while it has it, and waits again.</summary>
internal sealed partial class Candidacy : IAsyncDisposable
{
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly IReadOnlyList<OvsdbEndpoint> _endpoints;
    private readonly Func<CancellationToken, Task<ControllerTerm>> _begin;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;
    private volatile Held? _held;

    public Candidacy(IReadOnlyList<OvsdbEndpoint> endpoints, Func<CancellationToken, Task<ControllerTerm>> begin, ILogger logger)
    {
        _endpoints = endpoints;
        _begin = begin;
        _logger = logger;
        _run = Task.Run(RunAsync);
    }

    /// <summary>A term of office and the lock that it rests on.</summary>
    private sealed record Held(ControllerTerm Term, StoreLock Lock);

    /// <summary>
    /// The present term of office; null while another controller is in office, or may be: one that hung, or hears nothing of the store, would
    /// answer with what was true before.
    /// </summary>
    public ControllerTerm? Term => _held is { Lock.IsConfirmed: true } held ? held.Term : null;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        Task farewell = Task.CompletedTask;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await using StoreLock held = await StoreLock.AcquireAsync(_endpoints, _stop.Token);
                using var inOffice = CancellationTokenSource.CreateLinkedTokenSource(held.Lost, _stop.Token);
                ControllerTerm term = await _begin(inOffice.Token);
                _held = new Held(term, held);
                Log.Begun(_logger);
                await Task.Delay(Timeout.InfiniteTimeSpan, inOffice.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

                // Out of office at once; taking it apart goes on beside, for it may wait for a store that does not answer.
                _held = null;
                Log.Ended(_logger);
                farewell = Task.WhenAll(farewell, term.DisposeAsync().AsTask());
            }
            catch (Exception e) when (e is OperationCanceledException or StoreException or OvsdbException or CryptographicException)
            {
                if (!_stop.IsCancellationRequested)
                {
                    Log.NotBegun(_logger, e.Message);
                    await Task.Delay(s_retry, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
        }

        await farewell;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 2301, Level = LogLevel.Information, Message = "In office: this controller drives the hosts")]
        public static partial void Begun(ILogger logger);

        [LoggerMessage(EventId = 2302, Level = LogLevel.Warning, Message = "Out of office: the store's lock is lost")]
        public static partial void Ended(ILogger logger);

        [LoggerMessage(EventId = 2303, Level = LogLevel.Error, Message = "Office could not be taken: {Reason}")]
        public static partial void NotBegun(ILogger logger, string reason);
    }
}
