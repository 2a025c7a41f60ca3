using System.Text.Json.Nodes;

namespace Hnv.Client.Declarative;

/// <summary>
/// Puts steps into an order the controller accepts: what is referred to comes before who refers to it, and where no reference says so, what
/// others are given something from comes first; else in the order of the files. Of those who refer to each other in a circle, one is sent twice.
/// </summary>
internal sealed class StepOrder
{
    // Nobody refers to these, or not everybody who needs them: ids, addresses and modes come from them.
    private static readonly string[] s_grounds = ["virtualNetworkManager", "virtualSwitchManager", "macPools", "credentials", "logicalNetworks", "servers", "loadBalancerManager"];

    private readonly ApiSchema _schema;
    private readonly List<ApplyStep> _steps;
    private readonly List<ApplyStep> _result = [];
    private readonly HashSet<string> _there;
    private readonly HashSet<int>[] _waitsFor;
    private readonly List<int>[] _waitedForBy;
    private readonly HashSet<string>[] _targets;
    private readonly bool[] _isBegun;

    private StepOrder(ApiSchema schema, IReadOnlyList<ApplyStep> steps, IEnumerable<string> there)
    {
        _schema = schema;
        _steps = [.. steps.OrderBy(Rank)];
        _there = [.. there];
        _waitsFor = [.. steps.Select(_ => new HashSet<int>())];
        _waitedForBy = [.. steps.Select(_ => new List<int>())];
        _targets = [.. _steps.Select(Targets)];
        _isBegun = new bool[steps.Count];
        Dictionary<string, int> owner = [];
        for (int i = 0; i < steps.Count; i++)
        {
            foreach (string key in ResourceTree.Keys(schema, _steps[i].Type, _steps[i].Ref, _steps[i].Body!))
            {
                owner.TryAdd(key, i);
            }
        }

        for (int i = 0; i < steps.Count; i++)
        {
            foreach (string target in _targets[i])
            {
                if (owner.TryGetValue(target, out int other) && other != i && _waitsFor[i].Add(other))
                {
                    _waitedForBy[other].Add(i);
                }
            }
        }
    }

    /// <summary>How early a type is made; what is made early goes late.</summary>
    public static int Ground(ResourceSchema type) =>
        Array.FindIndex(s_grounds, name => name.Equals(type.Path, StringComparison.OrdinalIgnoreCase)) is var ground and >= 0 ? ground : s_grounds.Length;

    /// <summary>Orders creations and replacements.</summary>
    /// <param name="schema">The types.</param>
    /// <param name="steps">In the order of the files.</param>
    /// <param name="there">Keys of what is there before the first.</param>
    /// <param name="faults">Receives circles that cannot be cut.</param>
    public static IReadOnlyList<ApplyStep> Of(ApiSchema schema, IReadOnlyList<ApplyStep> steps, IEnumerable<string> there, List<Fault> faults)
    {
        StepOrder order = new(schema, steps, there);
        order.Run(faults);
        return order._result;
    }

    private void Run(List<Fault> faults)
    {
        SortedSet<int> remaining = [.. Enumerable.Range(0, _steps.Count)];
        SortedSet<int> ready = [.. remaining.Where(i => _waitsFor[i].Count == 0)];
        while (remaining.Count > 0)
        {
            int next = ready.Count > 0 ? ready.Min : Unblocked(remaining);
            if (next < 0 && (next = Begin(remaining)) < 0)
            {
                faults.AddRange(remaining.Select(i => new Fault(
                    _steps[i].Asked!.At(""), $"{_steps[i].Ref} and {string.Join(", ", _waitsFor[i].Select(other => _steps[other].Ref))} need each other, and none can be made first.")));
                return;
            }

            Emit(next, remaining, ready);
        }
    }

    private void Emit(int next, SortedSet<int> remaining, SortedSet<int> ready)
    {
        ApplyStep step = _steps[next];
        _result.Add(_isBegun[next] ? step with { Action = PlannedAction.Replace, IsCompletion = true } : step);
        _there.UnionWith(ResourceTree.Keys(_schema, step.Type, step.Ref, step.Body!));
        remaining.Remove(next);
        ready.Remove(next);
        foreach (int waiting in _waitedForBy[next])
        {
            if (_waitsFor[waiting].Remove(next) && _waitsFor[waiting].Count == 0 && remaining.Contains(waiting))
            {
                ready.Add(waiting);
            }
        }
    }

    /// <summary>One whose references all lead somewhere already, although what they lead to changes too; -1 when there is none.</summary>
    private int Unblocked(SortedSet<int> remaining)
    {
        foreach (int i in remaining)
        {
            if (_targets[i].All(target => _there.Contains(target) || _waitsFor[i].All(other => !IsOf(other, target))))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Sends one without what it refers to; another one that can go on then, or -1.</summary>
    private int Begin(SortedSet<int> remaining)
    {
        foreach (int i in remaining.Where(i => !_isBegun[i]))
        {
            ApplyStep step = _steps[i];
            HashSet<string> missing = [.. _waitsFor[i].SelectMany(other => ResourceTree.Keys(_schema, _steps[other].Type, _steps[other].Ref, _steps[other].Body!)).Where(key => !_there.Contains(key))];
            if (missing.Contains(ParentKey(step)))
            {
                continue;
            }

            FirstPass pass = new(_schema, target => !missing.Contains(ApiSchema.KeyOf(target)));
            if (pass.Of(step.Type, step.Body!, step.Live) is not { } first)
            {
                continue;
            }

            _isBegun[i] = true;
            _there.UnionWith(ResourceTree.Keys(_schema, step.Type, step.Ref, first));
            _result.Add(step with { Body = first, Deferred = [.. pass.Deferred.Distinct()] });
            int next = Unblocked(remaining);
            return next >= 0 ? next : Begin(remaining);
        }

        return -1;
    }

    /// <summary>Grounds first; and who brings an address before who is given one, lest it be given that.</summary>
    private static int Rank(ApplyStep step)
    {
        int ground = Ground(step.Type);
        return ground < s_grounds.Length ? ground : ground + (HasDynamic(step.Body!) ? 1 : 0);
    }

    private static bool HasDynamic(JsonNode? node) => node switch
    {
        JsonObject all => all.Any(member => (member.Key.EndsWith("AllocationMethod", StringComparison.OrdinalIgnoreCase)
            && member.Value is JsonValue value && "Dynamic".Equals(Spelling.Text(value), StringComparison.OrdinalIgnoreCase)) || HasDynamic(member.Value)),
        JsonArray items => items.Any(HasDynamic),
        _ => false,
    };

    private bool IsOf(int step, string key)
    {
        string own = ApiSchema.KeyOf(_steps[step].Ref);
        return key == own || key.StartsWith(own + "/", StringComparison.Ordinal);
    }

    private HashSet<string> Targets(ApplyStep step)
    {
        HashSet<string> targets = [.. ResourceTree.References(_schema, step.Type, step.Body!).Select(reference => ApiSchema.KeyOf(reference.Target))];
        if (!step.Type.IsTop)
        {
            targets.Add(ParentKey(step));
        }

        return targets;
    }

    private static string ParentKey(ApplyStep step) => step.Type.IsTop ? "" : "/" + string.Join('/', ApiSchema.Split(ApiSchema.KeyOf(step.Ref))[..^2]);
}
