using System.Net;
using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>How far a plan was carried out.</summary>
/// <param name="Done">Requests that were answered as done, in order.</param>
/// <param name="Failed">The one at which it ended; null when all were done.</param>
/// <param name="Reason">Why it ended; null when all were done.</param>
/// <param name="IsUncertain">True when nobody knows whether the failed one was carried out.</param>
/// <param name="NotDone">Requests that were never sent.</param>
/// <param name="Notes">What the controller made of documents otherwise than they ask.</param>
public sealed record ApplyOutcome(
    IReadOnlyList<ApplyStep> Done, ApplyStep? Failed, string? Reason, bool IsUncertain, IReadOnlyList<ApplyStep> NotDone, IReadOnlyList<string> Notes)
{
    /// <summary>True when the whole plan was carried out.</summary>
    public bool IsComplete => Failed is null;
}

/// <summary>
/// Carries out a plan, one request after the other. Each names the etag that the plan was made from; somebody else's change in between ends
/// the run, and nothing of it is overwritten.
/// </summary>
/// <param name="controller">Who is asked.</param>
/// <param name="schema">Its types.</param>
public sealed class ApplyRun(ControllerClient controller, ApiSchema schema)
{
    // An etag also moves when something that belongs to the resource was touched; more often than this, somebody is at work on it.
    private const int RetriesMax = 5;

    private readonly Dictionary<string, JsonObject> _sent = [];
    private readonly List<string> _notes = [];

    /// <summary>Carries it out. Failures are in the outcome, not thrown.</summary>
    /// <param name="plan">Without faults.</param>
    /// <param name="tell">Hears of each step that was done.</param>
    /// <param name="cancellation">Ends the run after what is under way.</param>
    public async Task<ApplyOutcome> CarryOutAsync(ApplyPlan plan, Action<ApplyStep> tell, CancellationToken cancellation)
    {
        ApplyStep[] steps = [.. plan.Steps.Where(step => step.Action != PlannedAction.Unchanged)];
        for (int i = 0; i < steps.Length; i++)
        {
            try
            {
                cancellation.ThrowIfCancellationRequested();
                await CarryOutAsync(steps[i], cancellation);
                tell(steps[i]);
            }
            catch (ApiException e)
            {
                return Ended(i, Explain(e), e.Code == ApiException.UnreachableCode);
            }
            catch (ConflictException e)
            {
                return Ended(i, e.Message, isUncertain: false);
            }
            catch (OperationCanceledException)
            {
                return Ended(i, "the time was up, or somebody interrupted.", isUncertain: true);
            }
        }

        return new ApplyOutcome(steps, null, null, IsUncertain: false, [], _notes);

        ApplyOutcome Ended(int at, string reason, bool isUncertain) => new(steps[..at], steps[at], reason, isUncertain, steps[(at + 1)..], _notes);
    }

    private static string Explain(ApiException e) => string.Join(
        Environment.NewLine, [$"{e.Code}: {e.Message}", .. (e.Error.Details ?? []).Where(detail => detail.Message != e.Message).Select(detail => $"{detail.Code}: {detail.Message}")]);

    private async Task CarryOutAsync(ApplyStep step, CancellationToken cancellation)
    {
        JsonObject? known = _sent.GetValueOrDefault(ApiSchema.KeyOf(step.Ref)) ?? step.Live;
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                await SendAsync(step, known, cancellation);
                return;
            }
            catch (ApiException e) when (e.Status == HttpStatusCode.PreconditionFailed && attempt < RetriesMax)
            {
                known = await OnlyTouchedAsync(step, known, cancellation);
            }
        }
    }

    private async Task SendAsync(ApplyStep step, JsonObject? known, CancellationToken cancellation)
    {
        string? etag = (string?)known?["etag"];
        if (step.Action == PlannedAction.Delete)
        {
            if (!await controller.DeleteAsync(step.Ref, etag, cancellation))
            {
                _notes.Add($"{step.Ref} was gone already.");
            }

            return;
        }

        JsonNode document = await controller.PutAsync(step.Ref, step.Body!, etag, wait: true, ifNoneMatch: known is null ? "*" : null, cancellation);
        _sent[ApiSchema.KeyOf(step.Ref)] = document.AsObject();
        if (step.Deferred.Count == 0)
        {
            foreach (Difference kept in DocumentComparer.Compare(schema, step.Type, step.Ref, step.Body!, document.AsObject()).Differences)
            {
                _notes.Add($"{step.Ref}: {kept.Path} is {kept.Before?.ToJsonString() ?? "absent"} although {kept.After?.ToJsonString() ?? "nothing"} was asked for: the controller sets it itself.");
            }
        }
    }

    /// <summary>The resource as it is now, when nothing of it but its etag has moved.</summary>
    private async Task<JsonObject> OnlyTouchedAsync(ApplyStep step, JsonObject? known, CancellationToken cancellation)
    {
        if (await controller.GetAsync(step.Ref, cancellation) is not JsonObject now)
        {
            throw new ConflictException("somebody deleted it after the plan was made.");
        }

        if (known is null)
        {
            throw new ConflictException("somebody created it after the plan was made.");
        }

        Comparison moved = DocumentComparer.Compare(schema, step.Type, step.Ref, known, now);
        return moved.IsEqual
            ? now
            : throw new ConflictException($"somebody changed it after the plan was made: {string.Join("; ", moved.Differences.Select(difference =>
                $"{difference.Path} {difference.After?.ToJsonString() ?? "absent"} → {difference.Before?.ToJsonString() ?? "absent"}"))}.");
    }

    /// <summary>Somebody else was at work on the same resource.</summary>
    private sealed class ConflictException(string message) : Exception(message);
}
