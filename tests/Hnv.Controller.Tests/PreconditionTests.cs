using System.Net;

namespace Hnv.Controller.Tests;

/// <summary>The rows of the ETag table (2.6), idempotency (2.7) and operations (2.8).</summary>
public sealed class PreconditionTests(RestServer server) : IClassFixture<RestServer>
{
    private const string Body = """{"properties":{}}""";

    [Theory]
    [InlineData(null, null, HttpStatusCode.Created, HttpStatusCode.OK)]
    [InlineData("If-Match", "", HttpStatusCode.Created, HttpStatusCode.OK)]
    [InlineData("If-Match", "*", HttpStatusCode.PreconditionFailed, HttpStatusCode.OK)]
    [InlineData("If-Match", "W/\"other\"", HttpStatusCode.PreconditionFailed, HttpStatusCode.PreconditionFailed)]
    [InlineData("If-None-Match", "*", HttpStatusCode.Created, HttpStatusCode.PreconditionFailed)]
    public async Task Put_ConditionalHeader_DecidesByExistence(string? header, string? value, HttpStatusCode absent, HttpStatusCode present)
    {
        string name = Guid.NewGuid().ToString("N");
        (string, string)[] headers = header is null ? [] : [(header, value!)];

        Reply first = await server.PutAsync($"accessControlLists/{name}", Body, headers);
        await server.PutAsync($"accessControlLists/{name}", Body);
        Reply second = await server.PutAsync($"accessControlLists/{name}", Body, headers);

        Assert.Equal((absent, present), (first.Status, second.Status));
    }

    [Fact]
    public async Task Put_IfMatchOfTheEtagRead_SucceedsOnce()
    {
        Reply created = await server.PutAsync("accessControlLists/once", Body);

        Reply first = await server.PutAsync("accessControlLists/once", Body, ("If-Match", created.ETag));
        Reply second = await server.PutAsync("accessControlLists/once", Body, ("If-Match", created.ETag));

        Assert.Equal(HttpStatusCode.OK, first.Status);
        Assert.Equal(HttpStatusCode.PreconditionFailed, second.Status);
        Assert.Equal("ValidationError", second.Code);
        Assert.Equal(created.Headers["ETag"], created.ETag);
    }

    [Theory]
    [InlineData(null, HttpStatusCode.NoContent, HttpStatusCode.OK)]
    [InlineData("*", HttpStatusCode.NoContent, HttpStatusCode.OK)]
    [InlineData("W/\"other\"", HttpStatusCode.NoContent, HttpStatusCode.PreconditionFailed)]
    public async Task Delete_ConditionalHeader_DecidesByExistence(string? ifMatch, HttpStatusCode absent, HttpStatusCode present)
    {
        string name = Guid.NewGuid().ToString("N");
        (string, string)[] headers = ifMatch is null ? [] : [("If-Match", ifMatch)];

        Reply first = await server.DeleteAsync($"accessControlLists/{name}", headers);
        await server.PutAsync($"accessControlLists/{name}", Body);
        Reply second = await server.DeleteAsync($"accessControlLists/{name}", headers);

        Assert.Equal((absent, present), (first.Status, second.Status));
    }

    [Fact]
    public async Task Write_SameClientRequestId_IsExecutedOnce()
    {
        (string, string) id = ("x-ms-client-request-id", Guid.NewGuid().ToString());

        Reply first = await server.PutAsync("accessControlLists/idem", Body, id);
        Reply second = await server.PutAsync("accessControlLists/idem", Body, id);
        Reply other = await server.PutAsync("accessControlLists/idem", """{"properties":{"inboundDefaultAction":"Deny"}}""", id);

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created), (first.Status, second.Status));
        Assert.Equal(first.ETag, second.ETag);
        Assert.Equal("Deny", other.Text("inboundDefaultAction"));
        Assert.Equal(id.Item2, second.Headers["x-ms-client-request-id"]);
    }

    [Fact]
    public async Task Operation_OfAPut_IsFoundByItsRequestId()
    {
        Reply put = await server.PutAsync("accessControlLists/op", Body);
        string id = put.Headers["x-ms-request-id"];

        Reply operation = await server.GetAsync($"operations/{id}");
        Reply result = await server.GetAsync($"operationResults/{id}");

        Assert.EndsWith($"/networking/v1/operations/{id}", put.Headers["Azure-AsyncOperation"], StringComparison.Ordinal);
        Assert.Equal("Succeeded", (string?)operation.Body!["status"]);
        Assert.Equal("/accessControlLists/op", (string?)result.Body!["resourceRef"]);
    }

    [Fact]
    public async Task OperationResult_OfADelete_Is204()
    {
        await server.PutAsync("accessControlLists/gone", Body);
        Reply deleted = await server.DeleteAsync("accessControlLists/gone");

        Reply result = await server.GetAsync($"operationResults/{deleted.Headers["x-ms-request-id"]}");

        Assert.Equal(HttpStatusCode.NoContent, result.Status);
        Assert.Equal(HttpStatusCode.NotFound, (await server.GetAsync("accessControlLists/gone")).Status);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PATCH")]
    public async Task OtherVerbs_Are405(string verb)
    {
        Reply reply = await server.SendAsync(new HttpMethod(verb), "v1/accessControlLists/x", Body);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, reply.Status);
    }
}
