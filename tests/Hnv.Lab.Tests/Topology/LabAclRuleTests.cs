using Hnv.Lab.Topology;
using Hnv.Primitives;

namespace Hnv.Lab.Tests.Topology;

public sealed class LabAclRuleTests
{
    [Fact]
    public void TryParse_WholeSentence_ReadsEveryWord()
    {
        bool read = LabAclRule.TryParse("allow inbound tcp from 10.1.1.12 port 1024-65535 to 10.1.1.11 port 5432 priority 200", 110, out LabAclRule? rule, out _);

        Assert.True(read);
        Assert.Equal(new LabAclRule(true, Direction.Inbound, "TCP", "10.1.1.12", "1024-65535", "10.1.1.11", "5432", 200), rule);
    }

    [Fact]
    public void TryParse_ShortSentence_MatchesEverythingElse()
    {
        LabAclRule.TryParse("deny outbound any", 110, out LabAclRule? rule, out _);

        Assert.Equal(new LabAclRule(false, Direction.Outbound, "All", "*", "*", "*", "*", 110), rule);
    }

    [Theory]
    [InlineData("permit inbound tcp")]
    [InlineData("allow sideways tcp")]
    [InlineData("allow inbound ipx")]
    [InlineData("allow inbound tcp from nowhere")]
    [InlineData("allow inbound tcp to 10.1.1.11 port 70000")]
    [InlineData("allow inbound tcp to 10.1.1.11 port 20-10")]
    [InlineData("allow inbound tcp priority 100")]
    [InlineData("allow inbound tcp with love")]
    public void TryParse_NoRule_SaysHowToWriteOne(string text)
    {
        bool read = LabAclRule.TryParse(text, 110, out _, out string mistake);

        Assert.False(read);
        Assert.Contains("write it as: allow|deny", mistake, StringComparison.Ordinal);
    }
}
