using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests.Crash;

/// <summary>The judge of the crash tests is able to condemn.</summary>
public sealed class HistoryTests
{
    private const long Later = long.MaxValue - 1;

    private readonly History _history = new();

    [Fact]
    public void Acknowledged_SeenOrWrittenOver_IsRight()
    {
        Acknowledge("a", "1");
        Acknowledge("b", "2");

        Assert.Null(_history.Contradiction("b", "2", Later, Later));
    }

    [Fact]
    public void Acknowledged_NotThere_IsLost()
    {
        Acknowledge("a", "1");

        Assert.NotNull(_history.Contradiction(null, null, Later, Later));
    }

    [Fact]
    public void Acknowledged_EarlierOneSeen_IsLost()
    {
        Acknowledge("a", "1");
        Acknowledge("b", "2");

        Assert.NotNull(_history.Contradiction("a", "1", Later, Later));
    }

    [Fact]
    public void Removed_SeenAgain_IsWrong()
    {
        Acknowledge("a", "1");
        Acknowledge(null, null);

        Assert.NotNull(_history.Contradiction("a", "1", Later, Later));
        Assert.Null(_history.Contradiction(null, null, Later, Later));
    }

    [Fact]
    public void Unanswered_ThereOrNot_AreBothRight()
    {
        Acknowledge("a", "1");
        _history.Begin("b");

        Assert.Null(_history.Contradiction("a", "1", Later, Later));
        Assert.Null(_history.Contradiction("b", "2", Later, Later));
    }

    [Fact]
    public void Unanswered_ThenWrittenOver_MayStillTakeEffectLater()
    {
        _history.Begin("a");
        Acknowledge("b", "2");

        Assert.Null(_history.Contradiction("a", "1", Later, Later));
    }

    [Fact]
    public void AnotherETagThanAcknowledged_IsWrong()
    {
        Acknowledge("a", "1");

        Assert.NotNull(_history.Contradiction("a", "2", Later, Later));
    }

    [Fact]
    public void Refused_Seen_IsWrong()
    {
        _history.Refuse(_history.Begin("a"));

        Assert.NotNull(_history.Contradiction("a", "1", Later, Later));
    }

    [Fact]
    public void WriteUnderWay_WhileReading_EitherIsRight()
    {
        Acknowledge("a", "1");
        History.Write write = _history.Begin("b");
        long during = Stopwatch.GetTimestamp();
        _history.Acknowledge(write, "2");

        Assert.Null(_history.Contradiction("a", "1", during, Later));
        Assert.Null(_history.Contradiction("b", "2", during, Later));
    }

    [Fact]
    public void Part_OfADocument_IsNotWhole()
    {
        JsonNode whole = JsonNode.Parse("""{"properties":{"routes":[{"resourceId":"mx2-0"},{"resourceId":"mx2-1"}]}}""")!;
        JsonNode part = JsonNode.Parse("""{"properties":{"routes":[{"resourceId":"mx2-0"}]}}""")!;

        Assert.Null(Workload.Halfness(whole, "mx2"));
        Assert.NotNull(Workload.Halfness(part, "mx2"));
    }

    private void Acknowledge(string? value, string? etag) => _history.Acknowledge(_history.Begin(value), etag);
}
