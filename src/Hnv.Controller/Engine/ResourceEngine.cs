using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Contracts.Rest;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Controller.Store;

namespace Hnv.Controller.Engine;

/// <summary>What a PUT made.</summary>
/// <param name="Node">The resource.</param>
/// <param name="Created">True when it is new.</param>
/// <param name="Operation">The operation.</param>
/// <param name="Snapshot">Everything, with it.</param>
/// <param name="ETagBefore">Its etag until then; null when it is new.</param>
internal sealed record PutResult(Node Node, bool Created, Operation Operation, Snapshot Snapshot, string? ETagBefore);

/// <summary>What a DELETE took away.</summary>
/// <param name="Operation">The operation.</param>
/// <param name="ETagBefore">The etag of the resource until then.</param>
internal sealed record DeleteResult(Operation Operation, string ETagBefore);

/// <summary>
/// Accepts changes of resources. One writer at a time decides, against the newest accepted state; the answer waits until the change
/// is durable. Readers see only what is durable.
/// </summary>
internal sealed class ResourceEngine : IAsyncDisposable
{
    // Documents that one thread reads at a start before it takes more.
    private const int LoadedTogether = 256;

    private readonly Catalog _catalog;
    private readonly IDocumentStore _store;
    private readonly SecretBox _secrets;
    private readonly CommitPump _pump;
    private readonly Holdings _holdings = new();
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly OperationJournal _journal = new();
    private readonly List<Task> _actions = [];
    private string? _exclusive;
    private Task _pumping = Task.CompletedTask;
    private Snapshot _accepted = Snapshot.Empty;
    private volatile Snapshot _durable = Snapshot.Empty;
    private long _sequence;

    public ResourceEngine(Catalog catalog, IDocumentStore store, SecretBox secrets, OperationLog operations)
    {
        _catalog = catalog;
        _store = store;
        _secrets = secrets;
        _pump = new CommitPump(store, _journal);
        Operations = operations;
    }

    public Catalog Catalog => _catalog;

    public OperationLog Operations { get; }

    /// <summary>Follows changes to the hosts.</summary>
    public Propagation Propagation { get; init; } = new(TimeProvider.System);

    /// <summary>Tells what the hosts report; null while there are none.</summary>
    public ILiveState? Live { get; set; }

    /// <summary>The newest durable state.</summary>
    public Snapshot Current => _durable;

    /// <summary>
    /// Raised with each durable state, on the committing thread: look again, quickly. When nobody listens, operations end at once.
    /// </summary>
    public event Action<Snapshot>? Changed;

    /// <summary>Reads the store and makes sure every singleton exists.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        Operations.Restore(_journal.Read(await LoadAsync(cancellation)));
        _pumping = _pump.RunAsync(Publish, RecoverAsync, _stop.Token);
        foreach (ResourceType singleton in _catalog.Types.Where(t => t is { SingletonId: not null, IsPreset: true }))
        {
            if (Current.Find($"/{singleton.Name}/{singleton.SingletonId}") is null)
            {
                var path = new ResourcePath([new PathStep(singleton, singleton.SingletonId!)], IsCollection: false);
                await PutAsync(path, new JsonObject { ["properties"] = singleton.Preset.DeepClone() }, ApiVersion.All[^1], default, Guid.NewGuid());
            }
        }

        foreach (Node cut in Current.Roots.Where(root => ActionState.PendingOperation(root) is not null).ToArray())
        {
            const string Message = "The controller ended while this was under way.";
            await EndActionAsync(cut, ActionState.PendingOperation(cut)!.Value, cut.Type.ActionFailed(Message), new ErrorBody(ErrorCodes.InternalServerError, Message, cut.Ref));
        }
    }

    /// <summary>Creates or replaces a resource.</summary>
    /// <param name="path">Which.</param>
    /// <param name="body">The document as sent.</param>
    /// <param name="version">The URI version.</param>
    /// <param name="precondition">What must hold.</param>
    /// <param name="operationId">The operation.</param>
    /// <param name="who">Who asks; everybody's eyes when null.</param>
    /// <param name="repeatKey">By what a repetition of this request is known, over restarts; null when its client gave it no id.</param>
    /// <exception cref="RefusedException">Nothing was changed, or, with <see cref="ErrorCodes.TransientError"/>, nobody knows.</exception>
    /// <exception cref="RepeatedException">The same request has been carried out before.</exception>
    public async Task<PutResult> PutAsync(
        ResourcePath path, JsonObject body, ApiVersion version, Precondition precondition, Guid operationId, Visibility? who = null, string? repeatKey = null)
    {
        Task durable;
        PutResult result;
        lock (_gate)
        {
            try
            {
                RequireFirst(repeatKey);
                RequireNothingExclusive(path.Ref);
                (result, durable) = Put(path, body, version, precondition, operationId, who ?? Visibility.All, repeatKey);
                _holdings.Accept();
            }
            catch
            {
                _holdings.RollBack();
                throw;
            }
        }

        try
        {
            await DurableAsync(durable, operationId);
        }
        catch (RefusedException) when (result.Node.Type.ActionIsExclusive)
        {
            lock (_gate)
            {
                _exclusive = null;
            }

            throw;
        }

        if (result.Created && result.Node.Type.Action is { } action)
        {
            lock (_gate)
            {
                _actions.RemoveAll(task => task.IsCompleted);
                _actions.Add(Task.Run(() => ActAsync(action, result.Node, operationId)));
            }
        }

        return result;
    }

    /// <summary>Removes a resource with its descendants.</summary>
    /// <returns>Null when there was nothing to remove.</returns>
    /// <exception cref="RefusedException">Nothing was changed, or, with <see cref="ErrorCodes.TransientError"/>, nobody knows.</exception>
    /// <exception cref="RepeatedException">The same request has been carried out before.</exception>
    public async Task<DeleteResult?> DeleteAsync(
        ResourcePath path, ApiVersion version, Precondition precondition, Guid operationId, Visibility? who = null, string? repeatKey = null)
    {
        Task durable;
        DeleteResult? result = null;
        lock (_gate)
        {
            RequireFirst(repeatKey);
            Node? existing = (who ?? Visibility.All).Sees(_accepted, path.RootRef) ? _accepted.Find(path.Ref) : null;
            precondition.Check(path.Ref, existing, isDelete: true);
            if (existing is null)
            {
                // What took it away may not be durable yet, and that it is gone is an answer to keep too.
                durable = _pump.Newest;
            }
            else
            {
                try
                {
                    RequireNothingExclusive(path.Ref);
                    (Operation operation, durable) = Delete(path, existing, version, operationId, who ?? Visibility.All, repeatKey);
                    result = new DeleteResult(operation, existing.ETag);
                    _holdings.Accept();
                }
                catch
                {
                    _holdings.RollBack();
                    throw;
                }
            }
        }

        await DurableAsync(durable, operationId);
        return result;
    }

    /// <summary>Every tree as it is stored, secrets sealed; of the newest durable state.</summary>
    public IEnumerable<StoredDocument> Export() =>
        Current.Roots.Where(root => root.Type.Action is null).Select(root => new StoredDocument(root.Key, root.Type.Name, NodeJson.Write(root, _secrets.Seal).ToJsonString()));

    /// <summary>Makes the stored trees these and no others, in one commit. Actions, the one that does this among them, stay.</summary>
    /// <exception cref="RefusedException">Nothing was changed: a document does not read, or the store did not take it.</exception>
    public async Task ReplaceAllAsync(IReadOnlyList<StoredDocument> documents)
    {
        Snapshot restored = Snapshot.Empty;
        var reader = new NodeReader(_secrets.Unseal);
        foreach (StoredDocument document in documents)
        {
            try
            {
                ResourceType type = _catalog.Find(document.Type) ?? throw new FormatException($"its type {document.Type} is unknown.");
                restored = restored.With(null, reader.Read(type, document.Body));
            }
            catch (Exception e) when (e is FormatException or KeyNotFoundException or JsonException or InvalidOperationException or CryptographicException or NullReferenceException or ArgumentException)
            {
                throw new RefusedException(ErrorCodes.ValidationError, document.Key, $"{document.Key} does not read: {e.Message}");
            }
        }

        Task durable;
        Guid operationId = Guid.NewGuid();
        lock (_gate)
        {
            Snapshot next = _accepted;
            List<DocumentChange> changes = [];
            foreach (Node root in _accepted.Roots.Where(root => root.Type.Action is null).ToArray())
            {
                if (restored.Find(root.Ref) is null)
                {
                    changes.Add(Change(root, null));
                }

                next = next.With(root, null);
            }

            foreach (Node root in restored.Roots)
            {
                next = next.With(null, root);
                changes.Add(Change(null, root));
            }

            _holdings.Clear();
            foreach (Node root in next.Roots)
            {
                _holdings.Restore(root);
                _sequence = Math.Max(_sequence, root.SelfAndDescendants().Max(n => n.Sequence));
            }

            durable = Enqueue(changes, next, operationId, "/", isDelete: false, Changed is null, owner: null).Durable;
        }

        await DurableAsync(durable, operationId);
    }

    private async Task ActAsync(Func<Node, ResourceEngine, CancellationToken, Task<JsonObject>> action, Node node, Guid operationId)
    {
        JsonObject result;
        ErrorBody? error = null;
        try
        {
            result = await action(node, this, _stop.Token);
        }
        catch (Exception e)
        {
            error = (e as RefusedException)?.ToBody() ?? new ErrorBody(ErrorCodes.InternalServerError, e.Message, node.Ref);
            result = node.Type.ActionFailed(e.Message);
        }

        try
        {
            await EndActionAsync(node, operationId, result, error);
        }
        catch (RefusedException)
        {
            // The store is gone; the next start finds the document pending and says so.
        }
    }

    private async Task EndActionAsync(Node node, Guid operationId, JsonObject result, ErrorBody? error)
    {
        Task durable;
        lock (_gate)
        {
            if (_exclusive == node.Key)
            {
                _exclusive = null;
            }

            Operations.End(operationId, error);
            if (_accepted.Find(node.Ref) is not { } before || ActionState.PendingOperation(before) != operationId)
            {
                return;
            }

            Node after = Own(before, NewETag());
            ActionState.End(after, result, error is not null);
            long from = _accepted.Revision;
            Snapshot next = _accepted.With(before, after).At(from + 1);
            _accepted = next;
            var operation = new Operation(operationId, node.Ref, IsDelete: false, next.Revision, OperationStatus.Succeeded, error, Visibility.OwnerOf(node));
            durable = _pump.EnqueueAsync([Change(before, after)], OperationJournal.Write(operation, []), from, next);
        }

        await DurableAsync(durable, operationId);
    }

    private void RequireFirst(string? repeatKey)
    {
        if (repeatKey is not null && Operations.Repeated(repeatKey) is { } first)
        {
            throw new RepeatedException(first);
        }
    }

    private void RequireNothingExclusive(string reference)
    {
        if (_exclusive is { } running)
        {
            throw new RefusedException(ErrorCodes.RestoreOperationInProgress, reference, $"{reference}: nothing can be changed while {running} is under way. Wait until its provisioningState is no longer Updating.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task[] actions;
        lock (_gate)
        {
            actions = [.. _actions];
        }

        if (actions.Length > 0)
        {
            await Task.WhenAny(Task.WhenAll(actions), Task.Delay(TimeSpan.FromSeconds(2)));
        }

        _pump.Complete();
        _stop.CancelAfter(TimeSpan.FromSeconds(5));
        try
        {
            await _pumping;
        }
        catch (OperationCanceledException)
        {
            // The store did not take the last changes in time; nobody was told that they are durable.
        }

        _stop.Dispose();
    }

    private async Task DurableAsync(Task durable, Guid operationId)
    {
        try
        {
            await durable;
        }
        catch (StoreException e)
        {
            var refused = new RefusedException(ErrorCodes.RetryableError, "", $"The change could not be stored: {e.Message} Nothing was changed; send the request again.");
            Operations.End(operationId, refused.ToBody());
            throw refused;
        }
        catch (OutcomeUnknownException e)
        {
            // Not the end of the operation: its status tells once it is known.
            throw new RefusedException(
                ErrorCodes.TransientError,
                "",
                $"The change may have been made, or not: {e.Message} Read the resource, or operation {operationId:D}; or send the request again, which does nothing twice under the same x-ms-client-request-id.");
        }
    }

    private static string NewETag() => $"W/\"{Guid.NewGuid():D}\"";

    private (PutResult Result, Task Durable) Put(ResourcePath path, JsonObject body, ApiVersion version, Precondition precondition, Guid operationId, Visibility who, string? repeatKey)
    {
        RequireVisible(path, who);
        Node? rootBefore = _accepted.Find(path.RootRef);
        Node? parent = path.Steps.Length == 1 ? null : _accepted.Find(path.ParentRef)
            ?? throw ParentMissing(path);
        Node? existing = _accepted.Find(path.Ref);
        precondition.Check(path.Ref, existing, isDelete: false);
        CheckSameName(path, body);

        var errors = new PolicyErrors();
        string etag = NewETag();
        var reader = new DocumentReader(version, etag, id => who.Tenant is null && _holdings.HolderOf(ClaimKey.Of(id)) is null, () => ++_sequence, errors);
        Node node = reader.Read(path.Last.Type, path.Last.Id, parent?.Ref ?? "", body, existing);
        node = parent is null ? who.Claim(node) : node;
        Node root = parent is null ? node : TreeEdit.Replace(Own(rootBefore!), path.Steps.AsSpan()[1..], node, etag);

        var edit = new TreeEdit(_catalog, _accepted, version, errors, _holdings, Live) { Who = who };
        edit.Settle(rootBefore, root, node.Ref);
        if (existing is null && path.Last.Type.Action is not null)
        {
            ActionState.Begin(node, operationId);
            _exclusive = path.Last.Type.ActionIsExclusive ? node.Key : _exclusive;
        }

        (Snapshot next, Operation operation, Task durable) = Accept(
            rootBefore, root, edit, operationId, node.Ref, isDelete: false, repeatKey is null ? null : new GivenAnswer(repeatKey, existing is null, node.ETag));
        return (new PutResult(next.Find(node.Ref)!, existing is null, operation, next, existing?.ETag), durable);
    }

    private (Operation Operation, Task Durable) Delete(ResourcePath path, Node existing, ApiVersion version, Guid operationId, Visibility who, string? repeatKey)
    {
        var edit = new TreeEdit(_catalog, _accepted, version, new PolicyErrors(), _holdings, Live) { Who = who };
        Node rootBefore = _accepted.Find(path.RootRef)!;
        Node? root = path.Steps.Length == 1 ? null : TreeEdit.Replace(Own(rootBefore), path.Steps.AsSpan()[1..], null, NewETag());
        edit.CheckDelete(existing, rootBefore, root);
        (Snapshot _, Operation operation, Task durable) = Accept(
            rootBefore, root, edit, operationId, existing.Ref, isDelete: true, repeatKey is null ? null : new GivenAnswer(repeatKey, Created: false, ETag: null));
        return (operation, durable);
    }

    /// <summary>One answer for what a viewer does not see, whether it is there or not, and for a name it may not give.</summary>
    private void RequireVisible(ResourcePath path, Visibility who)
    {
        Node? root = _accepted.FindRoot(path.RootRef);
        if (root is not null ? who.Sees(root) : path.Steps.Length > 1 || who.MayName(path.Steps[0].Id))
        {
            return;
        }

        throw path.Steps.Length > 1
            ? ParentMissing(path)
            : new RefusedException(ErrorCodes.NotFound, path.Ref, $"{path.Ref} was not found. What tenant {who.Tenant} creates has a resourceId that begins with '{who.Tenant}.'.");
    }

    private static RefusedException ParentMissing(ResourcePath path) =>
        new(ErrorCodes.NotFound, path.Ref, $"{path.ParentRef} does not exist. Create it before its children.", StatusCodes.Status412PreconditionFailed);

    /// <summary>A copy whose properties rules may fill in while readers still look at the original.</summary>
    /// <param name="node">The original.</param>
    /// <param name="etag">Stamped on all of the copy; null leaves what is there.</param>
    private static Node Own(Node node, string? etag = null) => node with
    {
        ETag = etag ?? node.ETag,
        Properties = NodeJson.Owned(node.Properties),
        Children = [.. node.Children.Select(list => list.Select(child => Own(child, etag)).ToImmutableArray())],
    };

    private (Snapshot Next, Operation Operation, Task Durable) Accept(Node? before, Node? after, TreeEdit edit, Guid operationId, string target, bool isDelete, GivenAnswer? answer)
    {
        Snapshot next = _accepted.With(before, after);
        List<DocumentChange> changes = [];
        foreach ((Node tree, Action<Node> write) in (after ?? before)!.Type.WritesTo?.Invoke((after ?? before)!, next).ToList() ?? [])
        {
            // What a tenant's tree says reaches no tree that is not the tenant's, whatever the provider has tied together.
            if (!edit.Who.Sees(tree))
            {
                continue;
            }

            Node written = Own(tree, NewETag());
            write(written);
            next = next.With(tree, written);
            changes.Add(Change(tree, written));
        }

        changes.Add(Change(before, after));
        foreach (Node affected in (after ?? before)!.Type.Affects?.Invoke((after ?? before)!, next).ToList() ?? [])
        {
            Node refreshed = Own(affected);
            edit.Refresh(affected, refreshed, next);
            next = next.With(affected, refreshed);
            changes.Add(Change(affected, refreshed));
        }

        Node root = (after ?? before)!;
        bool acts = !isDelete && ActionState.PendingOperation(root) == operationId;
        (next, Operation operation, Task durable) = Enqueue(
            changes, next, operationId, target, isDelete, done: !acts && (Changed is null || !root.Type.Asynchronous), Visibility.OwnerOf(root), endsWithPlan: !acts, answer);
        return (next, operation, durable);
    }

    private (Snapshot Next, Operation Operation, Task Durable) Enqueue(
        IReadOnlyList<DocumentChange> changes, Snapshot next, Guid operationId, string target, bool isDelete, bool done, string? owner, bool endsWithPlan = true, GivenAnswer? answer = null)
    {
        long from = _accepted.Revision;
        next = next.At(from + 1);
        _accepted = next;
        foreach (DocumentChange change in changes)
        {
            Propagation.Accept(change.Key, next.FindRoot(change.Key)?.ETag, next.Revision);
        }

        (Operation operation, IReadOnlyList<Guid> canceled) = Operations.Begin(operationId, target, isDelete, endsWithPlan ? next.Revision : long.MaxValue, done, owner);
        return (next, operation, _pump.EnqueueAsync(changes, OperationJournal.Write(operation with { Revision = next.Revision, Answer = answer }, canceled), from, next));
    }

    private DocumentChange Change(Node? before, Node? after)
    {
        Node either = (after ?? before)!;
        return new DocumentChange(either.Key, either.Type.Name, after is null ? null : NodeJson.Write(after, _secrets.Seal).ToJsonString());
    }

    private static void CheckSameName(ResourcePath path, JsonObject body)
    {
        if (DocumentReader.Member(body, "resourceId") is { } sent && !sent.ToString().Equals(path.Last.Id, StringComparison.OrdinalIgnoreCase))
        {
            throw new RefusedException(
                ErrorCodes.InvalidResourceName, path.Ref, $"{path.Ref}: resourceId '{sent}' of the body differs from '{path.Last.Id}' of the URI. Send the same, or leave it out of the body.");
        }
    }

    private void Publish(Snapshot snapshot)
    {
        _durable = snapshot;
        Changed?.Invoke(snapshot);
    }

    /// <returns>The rows of the journal.</returns>
    private async Task<IReadOnlyList<StoredDocument>> LoadAsync(CancellationToken cancellation)
    {
        (long revision, IReadOnlyList<StoredDocument> documents) = await _store.LoadAsync(cancellation);
        Node[][] parts = await Task.WhenAll(documents.Chunk(Math.Max(LoadedTogether, documents.Count / Environment.ProcessorCount / 4)).Select(part => Task.Run(() => Read(part), cancellation)));
        Node[] roots = [.. parts.SelectMany(part => part)];
        _holdings.Clear();
        foreach (Node root in roots)
        {
            _holdings.Restore(root);
            _sequence = Math.Max(_sequence, root.SelfAndDescendants().Max(n => n.Sequence));
        }

        _accepted = _durable = Snapshot.Of(revision, roots);
        return [.. documents.Where(document => document.Type == OperationJournal.Type)];
    }

    private Node[] Read(StoredDocument[] documents)
    {
        var reader = new NodeReader(_secrets.Unseal);
        return [.. documents.Select(document => _catalog.Find(document.Type) is { } type ? reader.Read(type, document.Body) : null).OfType<Node>()];
    }

    // A commit failed, so what was accepted on top of it is void: fail all that waits and start over from what the store holds.
    // The answer of the failed one may only have been lost: its operations are in the journal then.
    private async Task<IReadOnlySet<Guid>> RecoverAsync(StoreException reason, IReadOnlyList<Guid> doubtful)
    {
        while (true)
        {
            try
            {
                lock (_gate)
                {
                    _pump.FailQueued(reason);
                    if (!reason.IsRefusal)
                    {
                        _store.SettleAsync(_stop.Token).GetAwaiter().GetResult();
                    }

                    IReadOnlyList<Operation> stored = _journal.Read(LoadAsync(_stop.Token).GetAwaiter().GetResult());
                    IReadOnlySet<Guid> made = Operations.Recover(stored, doubtful);
                    Changed?.Invoke(_durable);
                    return made;
                }
            }
            catch (StoreException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200), _stop.Token);
            }
        }
    }
}
