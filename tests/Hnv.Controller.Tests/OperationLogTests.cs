using Hnv.Controller.Engine;

namespace Hnv.Controller.Tests;

/// <summary>The rows of the concurrency table (2.10): what a new operation cancels and what it leaves running.</summary>
public sealed class OperationLogTests
{
    private const string Tree = "/virtualNetworks/a";
    private const string Child = "/virtualNetworks/a/subnets/s";
    private const string Sibling = "/virtualNetworks/a/subnets/t";

    [Theory]

    // PUT top level
    [InlineData("PUT", Tree, "PUT", Tree, true)]
    [InlineData("PUT", Tree, "PUT", Child, true)]
    [InlineData("PUT", Tree, "DELETE", Child, true)]
    [InlineData("PUT", Tree, "DELETE", Tree, false)]

    // DELETE top level
    [InlineData("DELETE", Tree, "PUT", Tree, true)]
    [InlineData("DELETE", Tree, "DELETE", Tree, true)]
    [InlineData("DELETE", Tree, "PUT", Child, true)]
    [InlineData("DELETE", Tree, "DELETE", Child, true)]

    // PUT descendant
    [InlineData("PUT", Child, "PUT", Tree, true)]
    [InlineData("PUT", Child, "PUT", Child, true)]
    [InlineData("PUT", Child, "PUT", Sibling, false)]
    [InlineData("PUT", Child, "DELETE", Sibling, false)]

    // DELETE descendant
    [InlineData("DELETE", Child, "PUT", Tree, true)]
    [InlineData("DELETE", Child, "PUT", Child, true)]
    [InlineData("DELETE", Child, "DELETE", Child, true)]
    [InlineData("DELETE", Child, "PUT", Sibling, false)]

    // Another tree, also one whose name begins alike
    [InlineData("PUT", Tree, "PUT", "/virtualNetworks/ab", false)]
    [InlineData("DELETE", "/virtualNetworks/ab", "PUT", Tree, false)]
    public void Begin_WhileAnotherRuns_CancelsItOrLeavesIt(string verb, string target, string runningVerb, string runningTarget, bool cancels)
    {
        var log = new OperationLog();
        (Operation running, _) = log.Begin(Guid.NewGuid(), runningTarget, runningVerb == "DELETE", 1, done: false);

        (_, IReadOnlyList<Guid> canceled) = log.Begin(Guid.NewGuid(), target, verb == "DELETE", 2, done: false);

        Assert.Equal(cancels ? [running.Id] : [], canceled);
        Assert.Equal(cancels ? OperationStatus.Canceled : OperationStatus.InProgress, log.Find(running.Id)!.Status);
        Assert.Equal(cancels ? "Canceled" : null, log.Find(running.Id)!.Error?.Code);
        log.CompleteThrough(2);
        Assert.Equal(cancels ? OperationStatus.Canceled : OperationStatus.Succeeded, log.Find(running.Id)!.Status);
    }

    [Fact]
    public void End_OfACancelledOperation_LeavesItCancelled()
    {
        var log = new OperationLog();
        (Operation running, _) = log.Begin(Guid.NewGuid(), Tree, isDelete: false, 1, done: false);
        log.Begin(Guid.NewGuid(), Tree, isDelete: false, 2, done: true);

        log.End(running.Id, error: null);

        Assert.Equal(OperationStatus.Canceled, log.Find(running.Id)!.Status);
    }
}
