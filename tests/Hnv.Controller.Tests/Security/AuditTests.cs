using System.Net;
using System.Text.Json.Nodes;
using Hnv.Controller.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests.Security;

public sealed class AuditTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-audit-");

    private string FilePath => Path.Combine(_directory.FullName, "audit.jsonl");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task Changes_AreNotedWithCallerAndBothETags_ReadsAndRefusalsAreNot()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        HttpClient admin = server.Admin();
        Reply created = await SecureServer.SendAsync(admin, "PUT", "accessControlLists/a", """{"properties":{}}""");
        Reply replaced = await SecureServer.SendAsync(admin, "PUT", "accessControlLists/a", """{"properties":{"inboundDefaultAction":"Deny"}}""");
        await SecureServer.SendAsync(admin, "GET", "accessControlLists/a");
        await SecureServer.SendAsync(admin, "PUT", "accessControlLists/a", """{"properties":{"inboundDefaultAction":"Perhaps"}}""");
        await SecureServer.SendAsync(admin, "DELETE", "accessControlLists/a");
        await SecureServer.SendAsync(admin, "DELETE", "accessControlLists/a");

        List<JsonNode> lines = server.AuditLines();

        Assert.Equal(["PUT 201", "PUT 200", "DELETE 200"], lines.Select(line => $"{line["verb"]} {line["status"]}"));
        Assert.All(lines, line => Assert.Equal(("ana", "Admin", "127.0.0.1", "/accessControlLists/a"), ((string?)line["caller"], (string?)line["role"], (string?)line["source"], (string?)line["target"])));
        Assert.Equal([null, created.ETag, replaced.ETag], lines.Select(line => (string?)line["etagBefore"]));
        Assert.Equal([created.ETag, replaced.ETag, null], lines.Select(line => (string?)line["etagAfter"]));
        Assert.Equal(created.Headers["x-ms-request-id"], (string?)lines[0]["requestId"]);
    }

    [Fact]
    public async Task ForbiddenAttempts_AreNoted()
    {
        await using SecureServer server = await SecureServer.StartAsync();
        await SecureServer.SendAsync(server.Tenant("contoso"), "PUT", "macPools/mine", Story.MacPool);
        await SecureServer.SendAsync(server.Reader(), "DELETE", "macPools/mine");

        Assert.Equal(["contoso PUT 403", " DELETE 403"], server.AuditLines().Select(line => $"{line["tenant"]} {line["verb"]} {line["status"]}"));
    }

    [Fact]
    public async Task Secrets_AreInNoLine()
    {
        await using SecureServer server = await SecureServer.StartAsync();

        Reply put = await SecureServer.SendAsync(server.Admin(), "PUT", "credentials/c", """{"properties":{"type":"usernamePassword","userName":"u","value":"s3cret"}}""");

        Assert.Equal(HttpStatusCode.Created, put.Status);
        Assert.DoesNotContain("s3cret", put.Body!.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", File.ReadAllText(server.AuditPath), StringComparison.Ordinal);
    }

    [Fact]
    public void Full_IsRotated_AndOldOnesGo()
    {
        using AuditLog log = new(FilePath, fileBytesMax: 4096, filesKept: 2, TimeProvider.System, NullLogger.Instance);

        Enumerable.Range(0, 200).ToList().ForEach(i => log.Write(Entry($"/accessControlLists/a{i}")));

        Assert.Equal(["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"], _directory.GetFiles().Select(file => file.Name).Order(StringComparer.Ordinal));
        Assert.All(_directory.GetFiles(), file => Assert.InRange(file.Length, 1, 4096));
        string[] lines = [.. File.ReadLines(FilePath + ".2"), .. File.ReadLines(FilePath + ".1"), .. File.ReadLines(FilePath)];
        Assert.All(lines, line => Assert.NotNull(JsonNode.Parse(line)));
        Assert.Equal("/accessControlLists/a199", (string?)JsonNode.Parse(lines[^1])!["target"]);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FilePath));
    }

    [Fact]
    public async Task Unwritable_NoChangeIsAccepted_UntilItCanBeWrittenAgain()
    {
        string folder = "";
        await using SecureServer server = await SecureServer.StartAsync((options, s) =>
        {
            folder = Directory.CreateDirectory(Path.Combine(s.Folder, "audit")).FullName;
            options.Audit.Path = Path.Combine(folder, "audit.jsonl");
            options.Audit.FileBytesMax = 4096;
        });
        HttpClient admin = server.Admin();

        // The next rotation finds its folder gone.
        Directory.Delete(folder, recursive: true);
        int accepted = 0;
        Reply reply = await SecureServer.SendAsync(admin, "PUT", "accessControlLists/a0", """{"properties":{}}""");
        while (reply.Status == HttpStatusCode.Created && accepted < 100)
        {
            accepted++;
            reply = await SecureServer.SendAsync(admin, "PUT", $"accessControlLists/a{accepted}", """{"properties":{}}""");
        }

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "RetryableError"), (reply.Status, reply.Code));
        Assert.Equal(HttpStatusCode.NotFound, await SecureServer.StatusAsync(admin, "GET", $"accessControlLists/a{accepted}"));
        Directory.CreateDirectory(folder);
        Assert.Equal(HttpStatusCode.Created, await SecureServer.StatusAsync(admin, "PUT", "accessControlLists/again", """{"properties":{}}"""));
        Assert.Contains("/accessControlLists/again", File.ReadAllText(Path.Combine(folder, "audit.jsonl")), StringComparison.Ordinal);
    }

    private static AuditEntry Entry(string target) => new(Caller.Local, "local", "PUT", target, Guid.NewGuid(), 200, null, "W/\"1\"");
}
