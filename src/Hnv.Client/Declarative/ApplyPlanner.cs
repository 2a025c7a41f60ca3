using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>Finds out what has to be done so that the controller has what documents ask for.</summary>
/// <param name="controller">Who has it.</param>
/// <param name="schema">Its types.</param>
public sealed class ApplyPlanner(ControllerClient controller, ApiSchema schema)
{
    private readonly List<Fault> _faults = [];

    /// <summary>Sends documents whose only difference may be a secret, which cannot be seen.</summary>
    public bool SendsSecrets { get; init; }

    /// <summary>What nobody asks for and may go; null keeps everything.</summary>
    public PruneScope? Prune { get; init; }

    /// <summary>Makes a plan. Changes nothing.</summary>
    /// <exception cref="ApiException">Refused, or no answer.</exception>
    public async Task<ApplyPlan> PlanAsync(IReadOnlyList<AskedResource> documents, CancellationToken cancellation)
    {
        IReadOnlyList<AskedResource> asked = [.. DocumentCheck.Check(schema, documents, _faults).Select(one => one with { Body = ResourceTree.WithoutHeldElsewhere(schema, one.Type!, one.Body) })];
        if (_faults.Count > 0)
        {
            return new ApplyPlan([], _faults);
        }

        LiveResources live = new(controller, schema);
        await live.ReadAsync(asked.Select(one => one.Ref), cancellation);
        List<ApplyStep> steps = [.. asked.Select(one => Step(one, live.Find(one.Ref)))];
        await CheckReferencesAsync(steps, live, cancellation);
        List<ApplyStep> unchanged = [.. steps.Where(step => step.Action == PlannedAction.Unchanged)];
        IReadOnlyList<ApplyStep> changes = StepOrder.Of(schema, [.. steps.Where(step => step.Action != PlannedAction.Unchanged)], live.Keys, _faults);
        IReadOnlyList<ApplyStep> deletions = Prune is null ? [] : await PruneAsync(Prune, steps, live, cancellation);
        return new ApplyPlan([.. unchanged, .. changes, .. deletions], _faults);
    }

    /// <summary>Plans the removal of what documents name. Changes nothing.</summary>
    /// <exception cref="ApiException">Refused, or no answer.</exception>
    public async Task<ApplyPlan> PlanRemovalAsync(IReadOnlyList<AskedResource> documents, CancellationToken cancellation)
    {
        List<Fault> faults = [];
        IReadOnlyList<AskedResource> asked = DocumentCheck.Identify(schema, documents, faults);
        if (faults.Count > 0)
        {
            return new ApplyPlan([], faults);
        }

        LiveResources live = new(controller, schema);
        await live.ReadAsync(asked.Select(one => one.Ref), cancellation);
        List<ApplyStep> steps = [];
        foreach (AskedResource one in asked.DistinctBy(one => ApiSchema.KeyOf(one.Ref)))
        {
            if (live.Find(one.Ref) is { } document && one.Type!.Singleton is null)
            {
                steps.Add(new ApplyStep(PlannedAction.Delete, one.Ref, one.Type) { Live = document, Asked = one });
            }
        }

        return new ApplyPlan(HoldersFirst([.. steps.Where(step => !steps.Any(other => ApiSchema.KeyOf(step.Ref).StartsWith(ApiSchema.KeyOf(other.Ref) + "/", StringComparison.Ordinal)))]), []);
    }

    private ApplyStep Step(AskedResource asked, JsonObject? live)
    {
        if (live is null)
        {
            return new ApplyStep(PlannedAction.Create, asked.Ref, asked.Type!) { Asked = asked, Body = asked.Body };
        }

        Comparison comparison = DocumentComparer.Compare(schema, asked.Type!, asked.Ref, asked.Body, live);
        foreach (Difference fixedOne in comparison.Differences.Where(difference => difference.IsFixed))
        {
            _faults.Add(new Fault(
                asked.At(fixedOne.SourcePath),
                $"{asked.Ref}: {fixedOne.Path} is {fixedOne.Before?.ToJsonString()} and was fixed at creation; {fixedOne.After?.ToJsonString() ?? "nothing"} needs a new resource. Delete this one first, or keep the value."));
        }

        bool isEqual = comparison.IsEqual && !(SendsSecrets && comparison.Unseen.Count > 0);
        return new ApplyStep(isEqual ? PlannedAction.Unchanged : PlannedAction.Replace, asked.Ref, asked.Type!)
        {
            Asked = asked,
            Body = DocumentComparer.CarryOwner(asked.Body, live),
            Live = live,
            Comparison = comparison,
        };
    }

    /// <summary>Finds references to what neither the documents nor the controller have.</summary>
    private async Task CheckReferencesAsync(IReadOnlyList<ApplyStep> steps, LiveResources live, CancellationToken cancellation)
    {
        HashSet<string> asked = [.. steps.SelectMany(step => ResourceTree.Keys(schema, step.Type, step.Ref, step.Body!))];
        HashSet<string> removed = [.. steps.SelectMany(step => step.Comparison.Removed).Select(ApiSchema.KeyOf)];
        (ApplyStep Step, HeldReference Reference)[] outside =
        [
            .. from step in steps
               from reference in ResourceTree.References(schema, step.Type, step.Body!)
               where !reference.Property.IsWeak && !asked.Contains(ApiSchema.KeyOf(reference.Target))
               select (step, reference),
        ];
        await live.ReadAsync(outside.Select(pair => pair.Reference.Target), cancellation);
        foreach ((ApplyStep step, HeldReference reference) in outside)
        {
            string key = ApiSchema.KeyOf(reference.Target);
            string? gone = removed.FirstOrDefault(one => key == one || key.StartsWith(one + "/", StringComparison.Ordinal));
            if (gone is not null || !live.Keys.Contains(key))
            {
                _faults.Add(new Fault(
                    step.Asked!.At(reference.Path),
                    $"{step.Ref}: {reference.Property.Name} points at {reference.Target}, which {(gone is not null ? "these documents remove." : "is neither in these documents nor on the controller.")}"));
            }
        }

        foreach (ApplyStep orphan in steps.Where(step => !step.Type.IsTop && step.Live is null))
        {
            string parent = "/" + string.Join('/', ApiSchema.Split(orphan.Ref)[..^2]);
            if (!asked.Contains(ApiSchema.KeyOf(parent)) && !live.Keys.Contains(ApiSchema.KeyOf(parent)))
            {
                _faults.Add(new Fault(orphan.Asked!.At("resourceRef"), $"{orphan.Ref}: {parent} is neither in these documents nor on the controller."));
            }
        }
    }

    private async Task<IReadOnlyList<ApplyStep>> PruneAsync(PruneScope scope, IReadOnlyList<ApplyStep> steps, LiveResources live, CancellationToken cancellation)
    {
        foreach (ApplyStep step in steps.Where(step => step.Type is { IsTop: true, Singleton: null } && !scope.Covers(step.Body!)))
        {
            _faults.Add(new Fault(step.Asked!.At("tags"), $"{step.Ref} does not carry the tag {scope.Tag}: {scope.Value} that --selector asks for. What is applied with it has to, or the next prune would not know it."));
        }

        foreach (ResourceSchema type in schema.Types.Where(type => type is { IsTop: true, IsWritable: true, IsAddressable: true }))
        {
            await live.ListAsync(type, cancellation);
        }

        HashSet<string> roots = [.. steps.Select(step => ApiSchema.KeyOf("/" + string.Join('/', ApiSchema.Split(step.Ref)[..2])))];
        (ResourceSchema Type, string Ref, JsonObject Document)[] others = [.. live.Documents.Where(one => !roots.Contains(ApiSchema.KeyOf(one.Ref)))];
        ApplyStep[] going = [.. others.Where(one => one.Type.Singleton is null && scope.Covers(one.Document))
            .Select(one => new ApplyStep(PlannedAction.Delete, one.Ref, one.Type) { Live = one.Document })];
        HashSet<string> gone = [.. going.SelectMany(step => ResourceTree.Keys(schema, step.Type, step.Ref, step.Live!))];
        IEnumerable<(string Ref, string Place, ResourceSchema Type, JsonObject Body)> staying =
        [
            .. steps.Select(step => (step.Ref, step.Asked!.At(""), step.Type, step.Body!)),
            .. others.Where(one => !gone.Contains(ApiSchema.KeyOf(one.Ref))).Select(one => (one.Ref, "", one.Type, one.Document)),
        ];
        foreach ((string holder, string place, ResourceSchema type, JsonObject body) in staying)
        {
            foreach (HeldReference reference in ResourceTree.References(schema, type, body).Where(held => !held.Property.IsWeak && gone.Contains(ApiSchema.KeyOf(held.Target))))
            {
                _faults.Add(new Fault(place, $"{reference.Target} has the tag {scope.Tag}: {scope.Value}, nobody asks for it, and {holder} uses it ({reference.Property.Name}). Ask for it, or take the tag away."));
            }
        }

        return HoldersFirst(going);
    }

    /// <summary>Who refers to another goes before it, and what others are given something from, or are placed on, goes last.</summary>
    private List<ApplyStep> HoldersFirst(IEnumerable<ApplyStep> going)
    {
        ApplyStep[] deletions = [.. going.OrderBy(step => StepOrder.Ground(step.Type))];
        Dictionary<string, int> owner = [];
        for (int i = 0; i < deletions.Length; i++)
        {
            foreach (string key in ResourceTree.Keys(schema, deletions[i].Type, deletions[i].Ref, deletions[i].Live!))
            {
                owner[key] = i;
            }
        }

        int[][] uses = [.. deletions.Select((step, i) => ResourceTree.References(schema, step.Type, step.Live!)
            .Select(held => owner.GetValueOrDefault(ApiSchema.KeyOf(held.Target), -1)).Where(other => other >= 0 && other != i).Distinct().ToArray())];
        List<ApplyStep> usedFirst = [];
        bool[] isSeen = new bool[deletions.Length];
        for (int i = 0; i < deletions.Length; i++)
        {
            Stack<(int Step, bool IsLeaving)> path = new([(i, false)]);
            while (path.TryPop(out (int Step, bool IsLeaving) at))
            {
                if (at.IsLeaving)
                {
                    usedFirst.Add(deletions[at.Step]);
                }
                else if (!isSeen[at.Step])
                {
                    isSeen[at.Step] = true;
                    path.Push((at.Step, true));
                    foreach (int other in uses[at.Step])
                    {
                        path.Push((other, false));
                    }
                }
            }
        }

        usedFirst.Reverse();
        return usedFirst;
    }
}
