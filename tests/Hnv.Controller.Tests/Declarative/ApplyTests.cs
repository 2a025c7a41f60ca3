using System.Text.Json.Nodes;
using Hnv.Client;
using Hnv.Client.Declarative;

namespace Hnv.Controller.Tests.Declarative;

/// <summary>Documents asked for as a whole: what differs, in which order it is put right, and what happens when somebody else is at work.</summary>
public sealed class ApplyTests : IAsyncLifetime
{
    private static readonly Dictionary<string, int> s_nowhere = [];

    private readonly RestServer _rest = new();
    private ControllerClient _client = null!;
    private ApiSchema _schema = null!;

    public async Task InitializeAsync()
    {
        await _rest.InitializeAsync();
        _client = new ControllerClient(_rest.Socket);
        _schema = await _client.GetSchemaAsync();
    }

    public Task DisposeAsync()
    {
        _client.Dispose();
        return _rest.DisposeAsync();
    }

    [Fact]
    public async Task Compare_EveryDocumentAsAnOperatorWritesIt_WithWhatBecameOfIt_FindsNothing()
    {
        await _rest.TellAsync();
        foreach ((string path, string body) in EveryResource.Documents)
        {
            JsonObject asked = JsonNode.Parse(body)!.AsObject();
            Reply reply = await _rest.PutAsync(path, body);
            Assert.True(reply.Code is null, reply.Message);
            if (path == "SubnetEgressReset")
            {
                continue;
            }

            (ResourceSchema type, string reference) = _schema.Resolve(path)!.Value;
            Comparison comparison = DocumentComparer.Compare(_schema, type, reference, asked, (await _rest.GetAsync(path)).Body!.AsObject());

            Assert.True(comparison.IsEqual, $"{path}: {string.Join("; ", comparison.Differences)}");
        }
    }

    [Fact]
    public async Task Plan_OfEverythingAsItWasRead_IsEmpty()
    {
        await TellEverythingAsync();

        ApplyPlan plan = await PlanAsync(await ExportAsync());

        Assert.Empty(plan.Faults);
        Assert.True(plan.IsEmpty, Shown(plan));
        Assert.True(plan.Count(PlannedAction.Unchanged) > 30);
    }

    [Fact]
    public async Task Apply_OfEverythingAsItWasRead_ToAnEmptyController_MakesTheSame()
    {
        await TellEverythingAsync();
        JsonObject[] all = [.. (await ExportAsync()).Where(document => !((string)document["resourceRef"]!).StartsWith("/networkController", StringComparison.Ordinal))];
        RestServer other = new();
        await other.InitializeAsync();
        using ControllerClient client = new(other.Socket);

        // A secret is not in what was read.
        all.Single(document => (string)document["resourceRef"]! == "/credentials/admin")["properties"]!["value"] = "s3cret";
        all.Single(document => (string)document["resourceRef"]! == "/VirtualGateways/contoso")["properties"]!["networkConnections"]!.AsArray()
            .Single(connection => (string)connection!["resourceId"]! == "ipsec")!["properties"]!["ipSecConfiguration"]!["sharedSecret"] = "tunn3l";
        Random.Shared.Shuffle(all);
        ApplyPlan plan = await new ApplyPlanner(client, _schema).PlanAsync(Asked(all), CancellationToken.None);
        Assert.Empty(plan.Faults);
        ApplyOutcome outcome = await new ApplyRun(client, _schema).CarryOutAsync(plan, _ => { }, CancellationToken.None);
        ApplyPlan again = await new ApplyPlanner(client, _schema).PlanAsync(Asked(all), CancellationToken.None);
        await other.DisposeAsync();

        Assert.True(outcome.IsComplete, $"{outcome.Failed?.Ref}: {outcome.Reason}\n{Shown(plan)}");
        Assert.Empty(outcome.Notes);
        Assert.True(again.IsEmpty, Shown(again));
    }

    [Fact]
    public async Task Apply_WhatRefersToEachOther_SendsOneTwice()
    {
        await _rest.TellAsync();
        JsonObject[] documents =
        [
            Parse("""
                {"resourceRef":"/virtualNetworks/north","properties":{"addressSpace":{"addressPrefixes":["10.5.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},
                 "subnets":[{"resourceId":"s","properties":{"addressPrefix":"10.5.1.0/24","serviceInsertion":{"resourceRef":"/serviceInsertions/watch"}}}],
                 "virtualNetworkPeerings":[{"resourceId":"to-south","properties":{"remoteVirtualNetwork":{"resourceRef":"/virtualNetworks/south"}}}]}}
                """),
            Parse("""
                {"resourceRef":"/virtualNetworks/south","properties":{"addressSpace":{"addressPrefixes":["10.6.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},
                 "virtualNetworkPeerings":[{"resourceId":"to-north","properties":{"remoteVirtualNetwork":{"resourceRef":"/virtualNetworks/north"}}}]}}
                """),
            Parse("""
                {"resourceRef":"/serviceInsertions/watch","properties":{"priority":9,"serviceInsertionRules":[{"resourceId":"all","properties":{"protocol":"All",
                 "sourcePortRangeStart":0,"sourcePortRangeEnd":65535,"destinationPortRangeStart":0,"destinationPortRangeEnd":65535,"sourceSubnets":["*"],"destinationSubnets":["*"]}}],
                 "serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/sniffer"}}}]}}
                """),
            Parse(Interface("sniffer", "north/subnets/s", "10.5.1.9")),
        ];

        ApplyPlan plan = await PlanAsync(documents);
        ApplyOutcome outcome = await RunAsync(plan);

        Assert.Empty(plan.Faults);
        Assert.True(outcome.IsComplete, $"{outcome.Failed?.Ref}: {outcome.Reason}\n{Shown(plan)}");
        Assert.Contains(plan.Steps, step => step.IsCompletion);
        Assert.Equal(4, plan.Count(PlannedAction.Create));
        Assert.Equal("Connected", (string?)(await _rest.GetAsync("virtualNetworks/south/virtualNetworkPeerings/to-north")).Properties["peeringState"]);
        Assert.True((await PlanAsync(documents)).IsEmpty);
    }

    [Fact]
    public async Task Apply_SomebodyChangedItInBetween_StopsThereAndSaysWhat()
    {
        await _rest.TellAsync();
        ApplyPlan plan = await PlanAsync([
            Parse("""{"resourceRef":"/macPools/second","properties":{"startMacAddress":"00-1D-D8-B8-00-00","endMacAddress":"00-1D-D8-B8-00-FF"}}"""),
            Parse(Interface("contoso-web", "contoso/subnets/s1", "10.1.1.50")),
            Parse(Interface("fresh", "contoso/subnets/s1", "10.1.1.51")),
        ]);
        Reply web = await _rest.GetAsync("networkInterfaces/contoso-web");
        web.Body!["properties"]!["internalDnsNameLabel"] = "mine";
        Assert.Null((await _rest.PutAsync("networkInterfaces/contoso-web", web.Body.ToJsonString())).Code);

        ApplyOutcome outcome = await RunAsync(plan);

        Assert.Equal(["/macPools/second"], outcome.Done.Select(step => step.Ref));
        Assert.Equal("/networkInterfaces/contoso-web", outcome.Failed?.Ref);
        Assert.Contains("internalDnsNameLabel", outcome.Reason, StringComparison.Ordinal);
        Assert.Equal(["/networkInterfaces/fresh"], outcome.NotDone.Select(step => step.Ref));
        Assert.Equal("mine", (await _rest.GetAsync("networkInterfaces/contoso-web")).Text("internalDnsNameLabel"));
    }

    [Fact]
    public async Task Apply_OnlyTheEtagMovedInBetween_GoesOn()
    {
        await _rest.TellAsync();
        ApplyPlan plan = await PlanAsync([Parse(Interface("contoso-web", "contoso/subnets/s1", "10.1.1.50"))]);
        Reply web = await _rest.GetAsync("networkInterfaces/contoso-web");
        Reply again = await _rest.PutAsync("networkInterfaces/contoso-web", web.Body!.ToJsonString());
        Assert.NotEqual(web.ETag, again.ETag);

        ApplyOutcome outcome = await RunAsync(plan);

        Assert.True(outcome.IsComplete, outcome.Reason);
    }

    [Fact]
    public async Task Apply_SomebodyCreatedItInBetween_LeavesItAlone()
    {
        ApplyPlan plan = await PlanAsync([Parse("""{"resourceRef":"/securityTags/a","properties":{"type":"ours"}}""")]);
        await _rest.PutAsync("securityTags/a", """{"properties":{"type":"theirs"}}""");

        ApplyOutcome outcome = await RunAsync(plan);

        Assert.False(outcome.IsComplete);
        Assert.Contains("somebody created it", outcome.Reason, StringComparison.Ordinal);
        Assert.Equal("theirs", (await _rest.GetAsync("securityTags/a")).Text("type"));
    }

    [Fact]
    public async Task Plan_Secrets_AreNotComparedAndSaidSo()
    {
        JsonObject credential = Parse("""{"resourceRef":"/credentials/c","properties":{"type":"usernamePassword","userName":"u","value":"s3cret"}}""");
        await RunAsync(await PlanAsync([credential]));

        ApplyPlan plan = await PlanAsync([credential]);
        ApplyPlan sending = await new ApplyPlanner(_client, _schema) { SendsSecrets = true }.PlanAsync(Asked([credential]), CancellationToken.None);

        Assert.True(plan.IsEmpty);
        Assert.Equal(["value"], plan.Steps[0].Comparison.Unseen);
        Assert.Equal(1, sending.Count(PlannedAction.Replace));
    }

    [Fact]
    public async Task Plan_Prune_TakesWhatCarriesTheTagAndNobodyAsksFor_HoldersFirst()
    {
        await _rest.TellAsync();
        await _rest.PutAsync("securityTags/kept", """{"tags":{"app":"shop"},"properties":{}}""");
        await _rest.PutAsync("securityTags/other", """{"tags":{"app":"mail"},"properties":{}}""");
        await _rest.PutAsync("securityTags/used", """{"tags":{"app":"shop"},"properties":{}}""");
        await _rest.PutAsync("accessControlLists/user", """{"tags":{"app":"shop"},"properties":{"inboundDefaultAction":"Permit","outboundDefaultAction":"Permit","securityTags":[{"resourceRef":"/securityTags/used"}]}}""");
        ApplyPlanner planner = new(_client, _schema) { Prune = new PruneScope("app", "shop") };

        ApplyPlan plan = await planner.PlanAsync(Asked([Parse("""{"resourceRef":"/securityTags/kept","tags":{"app":"shop"},"properties":{}}""")]), CancellationToken.None);
        ApplyOutcome outcome = await RunAsync(plan);

        Assert.Empty(plan.Faults);
        Assert.True(outcome.IsComplete, outcome.Reason);
        Assert.Equal(["/accessControlLists/user", "/securityTags/used"], plan.Steps.Where(step => step.Action == PlannedAction.Delete).Select(step => step.Ref));
        Assert.NotNull((await _rest.GetAsync("securityTags/other")).Body?["properties"]);
    }

    [Fact]
    public async Task Plan_PruneOfWhatSomebodyUses_IsAFault()
    {
        await _rest.PutAsync("securityTags/used", """{"tags":{"app":"shop"},"properties":{}}""");
        await _rest.PutAsync("accessControlLists/user", """{"properties":{"inboundDefaultAction":"Permit","outboundDefaultAction":"Permit","securityTags":[{"resourceRef":"/securityTags/used"}]}}""");

        ApplyPlan plan = await new ApplyPlanner(_client, _schema) { Prune = new PruneScope("app", "shop") }.PlanAsync([], CancellationToken.None);

        Assert.Contains("/accessControlLists/user uses it", Assert.Single(plan.Faults).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"properties":{}}""", "has no resourceRef")]
    [InlineData("""{"resourceRef":"/virtualNetwork/a","properties":{}}""", "Did you mean virtualNetworks?")]
    [InlineData("""{"resourceRef":"/virtualNetworks","properties":{}}""", "names no resource")]
    [InlineData("""{"resourceRef":"/securityTags/a","resourceId":"b","properties":{}}""", "resourceId 'b'")]
    [InlineData("""{"resourceRef":"/macPools/a","properties":{"startMacAdress":"x","endMacAddress":"x"}}""", "Did you mean startMacAddress?")]
    [InlineData("""{"resourceRef":"/macPools/a","properties":{"startMacAddress":"00-1D-D8-B8-00-00"}}""", "endMacAddress is missing")]
    [InlineData("""{"resourceRef":"/macPools/a","startMacAddress":"x"}""", "Write startMacAddress inside properties")]
    [InlineData("""{"resourceRef":"/networkInterfaces/a","properties":{"privateMacAllocationMethod":"Dynamik"}}""", "Did you mean Dynamic?")]
    [InlineData("""{"resourceRef":"/networkInterfaces/a","properties":{"privateMacAllocationMethod":"Dynamic","isPrimary":"perhaps"}}""", "true or false")]
    [InlineData("""{"resourceRef":"/networkInterfaces/a","properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"properties":{}}]}}""", "has no resourceId")]
    [InlineData("""{"resourceRef":"/networkInterfaces/a","properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"subnet":{"resourceRef":"/servers/host1"}}}]}}""", "It may point at")]
    [InlineData("""{"resourceRef":"/networkInterfaces/a","properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"subnet":{"resourceRef":"/virtualNetworks/x/subnets/y"}}}]}}""", "neither in these documents nor on the controller")]
    [InlineData("""{"resourceRef":"/virtualNetworks/none/subnets/s","properties":{"addressPrefix":"10.0.0.0/24"}}""", "/virtualNetworks/none is neither")]
    [InlineData("""{"resourceRef":"/discovery/discovery","properties":{}}""", "read-only")]
    public async Task Plan_AWrongDocument_SaysWhatIsWrong(string document, string message)
    {
        ApplyPlan plan = await PlanAsync([Parse(document)]);

        Assert.Contains(plan.Faults, fault => fault.Message.Contains(message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Plan_SameResourceTwice_OrApartFromItsParent_IsAFault()
    {
        JsonObject tag = Parse("""{"resourceRef":"/securityTags/a","properties":{}}"""), same = Parse("""{"resourceRef":"SECURITYTAGS/A","properties":{}}""");
        JsonObject table = Parse("""{"resourceRef":"/routeTables/t","properties":{"routes":[]}}""");
        JsonObject route = Parse("""{"resourceRef":"/routeTables/t/routes/r","properties":{"addressPrefix":"0.0.0.0/0","nextHopType":"None"}}""");

        Assert.Contains("twice", Assert.Single((await PlanAsync([tag, same])).Faults).Message, StringComparison.Ordinal);
        Assert.Contains("document of its own", Assert.Single((await PlanAsync([table, route])).Faults).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_ChangeOfWhatIsFixedAtCreation_IsAFault()
    {
        await _rest.TellAsync();

        ApplyPlan plan = await PlanAsync([Parse("""{"resourceRef":"/macPools/default","properties":{"startMacAddress":"00-1D-D8-B7-1C-00","endMacAddress":"00-1D-D8-B7-1D-FF"}}""")]);

        Assert.Contains("fixed at creation", Assert.Single(plan.Faults).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Removal_OfDocuments_TakesHoldersFirst()
    {
        await TellEverythingAsync();
        JsonObject[] documents = [.. (await ExportAsync()).Where(document => ((string)document["resourceRef"]!).StartsWith("/networkInterfaces/fabrikam", StringComparison.Ordinal)
            || (string)document["resourceRef"]! == "/virtualNetworks/fabrikam")];

        ApplyPlan plan = await new ApplyPlanner(_client, _schema).PlanRemovalAsync(Asked(documents), CancellationToken.None);
        ApplyOutcome outcome = await RunAsync(plan);

        Assert.Equal(3, plan.Count(PlannedAction.Delete));
        Assert.True(outcome.IsComplete, outcome.Reason);
        Assert.True((await new ApplyPlanner(_client, _schema).PlanRemovalAsync(Asked(documents), CancellationToken.None)).IsEmpty);
    }

    private static JsonObject Parse(string text) => JsonNode.Parse(text)!.AsObject();

    private static string Interface(string name, string subnet, string address) => $$$$$$"""
        {"resourceRef":"/networkInterfaces/{{{{{{name}}}}}}","properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"ip1","properties":{
         "privateIPAllocationMethod":"Static","privateIPAddress":"{{{{{{address}}}}}}","subnet":{"resourceRef":"/virtualNetworks/{{{{{{subnet}}}}}}"}}}]}}
        """;

    private Task<ApplyOutcome> RunAsync(ApplyPlan plan) => new ApplyRun(_client, _schema).CarryOutAsync(plan, _ => { }, CancellationToken.None);

    private async Task TellEverythingAsync()
    {
        await _rest.TellAsync();
        foreach ((string path, string body) in EveryResource.Documents)
        {
            Assert.Null((await _rest.PutAsync(path, body)).Code);
        }
    }

    private async Task<IReadOnlyList<JsonObject>> ExportAsync()
    {
        List<JsonObject> all = [];
        foreach (ResourceSchema type in _schema.Types.Where(type => type is { IsTop: true, IsWritable: true, Path: not "subnetEgressReset" and not "SubnetEgressReset" }))
        {
            JsonNode? answer = await _client.GetAsync(type.Path);
            all.AddRange(answer?["value"] is JsonArray list ? list.Select(document => document!.DeepClone().AsObject()) : answer is JsonObject one ? [one] : []);
        }

        return all;
    }

    private Task<ApplyPlan> PlanAsync(IEnumerable<JsonObject> documents) => new ApplyPlanner(_client, _schema).PlanAsync(Asked(documents), CancellationToken.None);

    private static AskedResource[] Asked(IEnumerable<JsonObject> documents) => [.. documents.Select(document => new AskedResource(document, "all.json", s_nowhere))];

    private static string Shown(ApplyPlan plan) => string.Join('\n', plan.Steps.Where(step => step.Action != PlannedAction.Unchanged)
        .Select(step => $"{step.Action} {step.Ref} {string.Join("; ", step.Comparison.Differences)} {string.Join(",", step.Deferred)}"));
}
