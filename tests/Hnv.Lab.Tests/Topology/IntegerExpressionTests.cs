using Hnv.Lab.Topology;

namespace Hnv.Lab.Tests.Topology;

public sealed class IntegerExpressionTests
{
    private static readonly Dictionary<string, long> s_names = new() { ["t"] = 7, ["hosts"] = 3 };

    [Theory]
    [InlineData("5000 + t * 10 + 1", 5071)]
    [InlineData("(t + 1) % hosts + 1", 3)]
    [InlineData("10-2-3", 5)]
    [InlineData("t", 7)]
    public void Evaluate_Expression_IsArithmetic(string text, long expected) =>
        Assert.Equal(expected, IntegerExpression.Evaluate(text, s_names));

    [Theory]
    [InlineData("u + 1", "'u' is not known here; known: hosts, t")]
    [InlineData("1 +", "missing")]
    [InlineData("(1", "')' is missing")]
    [InlineData("1 / 0", "divided by zero")]
    [InlineData("9223372036854775807 + 1", "too large")]
    [InlineData("1 2", "left over")]
    public void Evaluate_Nonsense_SaysWhy(string text, string reason)
    {
        FormatException mistake = Assert.Throws<FormatException>(() => IntegerExpression.Evaluate(text, s_names));

        Assert.Contains(reason, mistake.Message, StringComparison.Ordinal);
    }
}
