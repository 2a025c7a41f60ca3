using System.Xml.Linq;
using Hnv.Lab.Datapath;

namespace Hnv.Lab.Tests.Datapath;

public sealed class DatapathResultTests
{
    private static readonly XNamespace s_svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Ratio_IsTheMedianOfRounds_NotTheRatioOfMedians()
    {
        // The machine was three times as busy in the last two rounds; the contender was twice as quick in each.
        DatapathResult kernel = new("kernel", [Round(9), Round(3), Round(3)]), own = new("OpenHNV", [Round(18), Round(6), Round(6)]);

        Assert.Equal(2, own.Ratio(kernel, round => round.TcpGbitPerSecond));
        Assert.Equal(6, own.Median(round => round.TcpGbitPerSecond));
    }

    [Fact]
    public void Chart_HasABarForEachContenderInEachPanel_AndSurvivesWhatWasNotMeasured()
    {
        DatapathResult kernel = new("kernel <vxlan>", [Round(5)]), own = new("OpenHNV ebpf", [Round(double.NaN)]);

        XElement chart = XElement.Parse(DatapathChart.Draw([kernel, own]));

        Assert.Equal(DatapathFigure.All.Count, chart.Elements(s_svg + "rect").Count(bar => (string?)bar.Attribute("class") == "own"));
        Assert.Equal(DatapathFigure.All.Count, chart.Elements(s_svg + "rect").Count(bar => (string?)bar.Attribute("class") == "bar"));
        Assert.Contains(chart.Elements(s_svg + "text"), text => text.Value == "kernel <vxlan>");
    }

    private static DatapathRound Round(double gbit) => new(gbit, 1, gbit, 100, new(10, 11, 12), new(20, 21, 22), 5, 20, 0, 0);
}
