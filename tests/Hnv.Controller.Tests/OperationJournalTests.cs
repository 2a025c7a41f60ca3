using Hnv.Contracts.Rest;
using Hnv.Controller.Engine;
using Hnv.Controller.Store;

namespace Hnv.Controller.Tests;

public sealed class OperationJournalTests
{
    [Fact]
    public void Read_OfWhatWasWritten_KnowsFailuresAndCancellations()
    {
        var first = new Operation(Guid.NewGuid(), "/virtualNetworks/a", false, 1, OperationStatus.InProgress);
        var second = new Operation(Guid.NewGuid(), "/virtualNetworks/a", false, 2, OperationStatus.InProgress, Owner: "contoso");
        var failed = new Operation(Guid.NewGuid(), "/networkControllerBackup/b", false, 3, OperationStatus.Failed, new ErrorBody("InternalServerError", "disk full"));

        IReadOnlyList<Operation> read = new OperationJournal().Read(Stored(
            OperationJournal.Write(first, []), OperationJournal.Write(second, [first.Id]), OperationJournal.Write(failed, [])));

        Assert.Equal([OperationStatus.Canceled, OperationStatus.Succeeded, OperationStatus.Failed], read.Select(o => o.Status));
        Assert.Equal(["Canceled", null, "InternalServerError"], read.Select(o => o.Error?.Code));
        Assert.Equal([null, "contoso", null], read.Select(o => o.Owner));
    }

    [Fact]
    public void Append_TooMany_TakesTheOldestRowsAlong()
    {
        var journal = new OperationJournal();
        var rows = new HashSet<string>();
        for (int revision = 1; revision <= 30; revision++)
        {
            System.Text.Json.Nodes.JsonObject[] operations =
                [.. Enumerable.Range(0, 1000).Select(_ => OperationJournal.Write(new Operation(Guid.NewGuid(), "/x/y", false, revision, OperationStatus.Succeeded), []))];
            foreach (DocumentChange change in journal.Append(operations, revision).ToArray())
            {
                Assert.True(change.Body is null ? rows.Remove(change.Key) : rows.Add(change.Key));
            }
        }

        Assert.Equal(20, rows.Count);
        Assert.Contains($"/operations/{30:D20}", rows);
    }

    private static IEnumerable<StoredDocument> Stored(params System.Text.Json.Nodes.JsonObject[] operations)
    {
        var journal = new OperationJournal();
        return operations.SelectMany((operation, index) => journal.Append([operation], index + 1)).Select(change => new StoredDocument(change.Key, change.Type, change.Body!)).ToArray();
    }
}
