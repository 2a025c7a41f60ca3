namespace Hnv.Vfp;

/// <summary>How often each rule of an installed program matched. Slow path only; written without locks, a lost increment is accepted.</summary>
public sealed class MatchCounters
{
    private readonly long[][][] _rules;
    private readonly long[] _layers;

    /// <summary>Zeroes for every rule of a program.</summary>
    public MatchCounters(PortProgram program)
    {
        _layers = new long[program.Layers.Length];
        _rules = new long[program.Layers.Length][][];
        for (int layer = 0; layer < _rules.Length; layer++)
        {
            _rules[layer] = [.. program.Layers[layer].Groups.Select(group => new long[group.Rules.Length])];
        }
    }

    /// <summary>Packets that asked the layer.</summary>
    public long LayerCount(int layer) => Volatile.Read(ref _layers[layer]);

    /// <summary>Packets that matched the rule.</summary>
    public long RuleCount(int layer, int group, int rule) => Volatile.Read(ref _rules[layer][group][rule]);

    internal void CountLayer(int layer) => _layers[layer]++;

    internal void CountRule(int layer, int group, int rule) => _rules[layer][group][rule]++;

    /// <summary>The counters of a program that takes the place of another.</summary>
    internal static MatchCounters Continue(PortProgram? before, MatchCounters? counts, PortProgram now)
    {
        if (counts is not null && ReferenceEquals(before, now))
        {
            return counts;
        }

        MatchCounters continued = new(now);
        if (before is not null && counts is not null)
        {
            continued.CarryOver(before, counts, now);
        }

        return continued;
    }

    /// <summary>Takes over what was counted under the program before, rule by rule: by layer, group and rule id.</summary>
    private void CarryOver(PortProgram before, MatchCounters counts, PortProgram now)
    {
        Dictionary<(string Layer, string Group, string Rule), long> old = [];
        Dictionary<string, long> oldLayers = [];
        for (int layer = 0; layer < before.Layers.Length; layer++)
        {
            oldLayers[before.Layers[layer].Name] = counts._layers[layer];
            for (int group = 0; group < before.Layers[layer].Groups.Length; group++)
            {
                RuleGroup ruleGroup = before.Layers[layer].Groups[group];
                for (int rule = 0; rule < ruleGroup.Rules.Length; rule++)
                {
                    if (counts._rules[layer][group][rule] is > 0 and long count)
                    {
                        old[(before.Layers[layer].Name, ruleGroup.Name, ruleGroup.Rules[rule].Id)] = count;
                    }
                }
            }
        }

        for (int layer = 0; layer < now.Layers.Length; layer++)
        {
            _layers[layer] = oldLayers.GetValueOrDefault(now.Layers[layer].Name);
            for (int group = 0; old.Count > 0 && group < now.Layers[layer].Groups.Length; group++)
            {
                RuleGroup ruleGroup = now.Layers[layer].Groups[group];
                for (int rule = 0; rule < ruleGroup.Rules.Length; rule++)
                {
                    _rules[layer][group][rule] = old.GetValueOrDefault((now.Layers[layer].Name, ruleGroup.Name, ruleGroup.Rules[rule].Id));
                }
            }
        }
    }
}
