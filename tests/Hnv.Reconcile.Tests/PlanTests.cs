namespace Hnv.Reconcile.Tests;

public sealed class PlanTests
{
    private static readonly Dictionary<string, int> s_actual = new() { ["kept"] = 1, ["changed"] = 1, ["gone"] = 1 };
    private static readonly Dictionary<string, int> s_desired = new() { ["kept"] = 1, ["changed"] = 2, ["new"] = 1 };

    [Fact]
    public void Between_EachKindOfDifference_IsInItsList()
    {
        Plan<string, int> plan = Plan.Between(s_actual, s_desired);

        Assert.Equal([KeyValuePair.Create("new", 1)], plan.Add);
        Assert.Equal([KeyValuePair.Create("changed", 2)], plan.Change);
        Assert.Equal(["gone"], plan.Remove);
        Assert.Equal(3, plan.Count);
    }

    [Fact]
    public void Between_TheSame_IsEmpty() => Assert.True(Plan.Between(s_actual, new Dictionary<string, int>(s_actual)).IsEmpty);

    [Fact]
    public void Between_CarriedOut_LeavesAnEmptyPlan()
    {
        Dictionary<string, int> carriedOut = new(s_actual);
        Plan<string, int> plan = Plan.Between(s_actual, s_desired);

        foreach ((string key, int spec) in plan.Add.Concat(plan.Change))
        {
            carriedOut[key] = spec;
        }

        foreach (string key in plan.Remove)
        {
            carriedOut.Remove(key);
        }

        Assert.True(Plan.Between(carriedOut, s_desired).IsEmpty);
    }
}
