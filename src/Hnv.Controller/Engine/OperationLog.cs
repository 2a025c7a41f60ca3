using Hnv.Contracts.Rest;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Engine;

/// <summary>How an operation stands ([MS-NCNBI] §1.3.2).</summary>
internal enum OperationStatus
{
    InProgress,
    Succeeded,
    Failed,
    Canceled,
}

/// <summary>One PUT or DELETE.</summary>
/// <param name="Id">Also the <c>x-ms-request-id</c> of its answer.</param>
/// <param name="Target">resourceRef it was for.</param>
/// <param name="IsDelete">True for DELETE.</param>
/// <param name="Revision">The revision of the store it made.</param>
/// <param name="Status">How it stands.</param>
/// <param name="Error">Why it failed or was cancelled.</param>
/// <param name="Owner">The tenant whose resource it was for; null for the provider's.</param>
internal sealed record Operation(Guid Id, string Target, bool IsDelete, long Revision, OperationStatus Status, ErrorBody? Error = null, string? Owner = null)
{
    /// <summary>What was answered, to be answered again; null when no client would ask, and in the history in memory.</summary>
    public GivenAnswer? Answer { get; init; }
}

/// <summary>The answer to a request that changed something.</summary>
/// <param name="Key">By what a repetition of the request is known.</param>
/// <param name="Created">True when a PUT made something new.</param>
/// <param name="ETag">The etag a PUT gave.</param>
internal sealed record GivenAnswer(string Key, bool Created, string? ETag);

/// <summary>A request came again that has been carried out before: <paramref name="first"/>.</summary>
internal sealed class RepeatedException(Operation first) : Exception
{
    /// <summary>The operation of the first one.</summary>
    public Operation First => first;
}

/// <summary>
/// What runs and what became of what ran. provisioningState is derived from here, never stored: a document is Updating while an
/// operation on it is under way.
/// </summary>
internal sealed class OperationLog
{
    /// <summary>History kept; older operations are in the logs only (2.8 asks for a million).</summary>
    private const int HistoryMax = 1_000_000;

    private readonly Dictionary<Guid, Operation> _all = [];
    private readonly Queue<Guid> _age = [];
    private readonly List<Operation> _running = [];
    private readonly Dictionary<string, Operation> _answered = [];
    private readonly Lock _gate = new();
    private volatile bool _anyRunning;

    /// <summary>Notes an accepted operation; <paramref name="done"/> when nothing is left to do. Cancels what it overtakes (2.10).</summary>
    /// <returns>The operation, and those that it cancelled.</returns>
    public (Operation Operation, IReadOnlyList<Guid> Canceled) Begin(Guid id, string target, bool isDelete, long revision, bool done, string? owner = null)
    {
        var operation = new Operation(id, target, isDelete, revision, done ? OperationStatus.Succeeded : OperationStatus.InProgress, Owner: owner);
        List<Guid> canceled = [];
        lock (_gate)
        {
            for (int i = _running.Count - 1; i >= 0; i--)
            {
                if (Overtakes(operation, _running[i]))
                {
                    canceled.Add(_running[i].Id);
                    Finish(i, OperationStatus.Canceled, new ErrorBody(ErrorCodes.Canceled, $"A later request for {target} took over.", target));
                }
            }

            Remember(operation);
            if (!done)
            {
                _running.Add(operation);
            }

            _anyRunning = _running.Count > 0;
        }

        return (operation, canceled);
    }

    /// <summary>Ends an operation that is under way, or that could not be stored after all.</summary>
    public void End(Guid id, ErrorBody? error)
    {
        lock (_gate)
        {
            if (_all.TryGetValue(id, out Operation? operation) && operation.Status != OperationStatus.Canceled)
            {
                _all[id] = operation with { Status = error is null ? OperationStatus.Succeeded : OperationStatus.Failed, Error = error };
                _running.RemoveAll(o => o.Id == id);
                _anyRunning = _running.Count > 0;
            }
        }
    }

    /// <summary>Takes over what an earlier run of the controller stored, oldest first. Nothing of it is under way any more.</summary>
    public void Restore(IReadOnlyList<Operation> stored)
    {
        lock (_gate)
        {
            foreach (Operation operation in stored)
            {
                if (_all.ContainsKey(operation.Id))
                {
                    _all[operation.Id] = operation with { Answer = null };
                }
                else
                {
                    Remember(operation with { Answer = null });
                }
            }

            NoteAnswers(stored);
        }
    }

    /// <summary>
    /// Learns after a failed commit what is in the store all the same: what of it is not has failed, what is goes on as it was.
    /// </summary>
    /// <param name="stored">Every operation in the store.</param>
    /// <param name="doubtful">The operations of the failed commit.</param>
    /// <returns>Those that are stored.</returns>
    public IReadOnlySet<Guid> Recover(IReadOnlyList<Operation> stored, IReadOnlyList<Guid> doubtful)
    {
        HashSet<Guid> made = [.. stored.Select(operation => operation.Id).Intersect(doubtful)];
        foreach (Guid lost in doubtful.Where(id => !made.Contains(id)))
        {
            End(lost, new ErrorBody(ErrorCodes.RetryableError, "The change could not be stored. Nothing was changed."));
        }

        lock (_gate)
        {
            NoteAnswers(stored);
        }

        return made;
    }

    /// <summary>The stored operation that a request is a repetition of; null when it is none.</summary>
    public Operation? Repeated(string key)
    {
        lock (_gate)
        {
            return _answered.GetValueOrDefault(key);
        }
    }

    /// <summary>Everything up to a revision has been planned.</summary>
    public void CompleteThrough(long revision)
    {
        if (!_anyRunning)
        {
            return;
        }

        lock (_gate)
        {
            for (int i = _running.Count - 1; i >= 0; i--)
            {
                if (_running[i].Revision <= revision)
                {
                    Finish(i, OperationStatus.Succeeded, null);
                }
            }

            _anyRunning = _running.Count > 0;
        }
    }

    public Operation? Find(Guid id)
    {
        lock (_gate)
        {
            return _all.GetValueOrDefault(id);
        }
    }

    /// <summary>The newest operations, newest first; of one tenant only when <paramref name="owner"/> is given.</summary>
    public IReadOnlyList<Operation> Newest(int count, string? owner = null)
    {
        lock (_gate)
        {
            return [.. _age.Reverse().Select(id => _all[id]).Where(o => owner is null || owner.Equals(o.Owner, StringComparison.OrdinalIgnoreCase)).Take(count)];
        }
    }

    /// <summary>provisioningState of a resource: it, an ancestor or a descendant may be under way (2.9).</summary>
    public string ProvisioningState(Node node)
    {
        if (ActionState.PendingOperation(node) is not null)
        {
            return "Updating";
        }

        string settled = ActionState.Failed(node) ? nameof(OperationStatus.Failed) : nameof(OperationStatus.Succeeded);
        if (!_anyRunning)
        {
            return settled;
        }

        lock (_gate)
        {
            return _running.Any(o => IsSelfOrAncestor(o.Target, node.Ref) || IsSelfOrAncestor(node.Ref, o.Target)) ? "Updating" : settled;
        }
    }

    private static bool Overtakes(Operation later, Operation running)
    {
        bool self = later.Target.Equals(running.Target, StringComparison.OrdinalIgnoreCase);
        bool below = !self && IsSelfOrAncestor(later.Target, running.Target);
        bool above = !self && IsSelfOrAncestor(running.Target, later.Target);
        return below || (self && (later.IsDelete || !running.IsDelete)) || (above && !running.IsDelete);
    }

    private static bool IsSelfOrAncestor(string ancestor, string reference) =>
        reference.StartsWith(ancestor, StringComparison.OrdinalIgnoreCase)
        && (reference.Length == ancestor.Length || reference[ancestor.Length] == '/');

    private void NoteAnswers(IReadOnlyList<Operation> stored)
    {
        _answered.Clear();
        foreach (Operation operation in stored.Where(operation => operation.Answer is not null))
        {
            _answered[operation.Answer!.Key] = operation;
        }
    }

    private void Finish(int index, OperationStatus status, ErrorBody? error)
    {
        Operation finished = _running[index] with { Status = status, Error = error };
        _running.RemoveAt(index);
        _all[finished.Id] = finished;
    }

    private void Remember(Operation operation)
    {
        _all[operation.Id] = operation;
        _age.Enqueue(operation.Id);
        if (_age.Count > HistoryMax)
        {
            _all.Remove(_age.Dequeue());
        }
    }
}
