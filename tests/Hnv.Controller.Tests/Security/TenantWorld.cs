using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Hnv.Controller.Tests.Security;

/// <summary>A provider, Contoso, and in one of two worlds also Fabrikam, who has something of every type there is.</summary>
internal sealed partial class TenantWorld : IAsyncDisposable
{
    public const string FabrikamMac = "001DD8AA0001";
    public const string FabrikamVsid = "6001";

    private TenantWorld(SecureServer server)
    {
        Server = server;
        Admin = server.Admin();
        Contoso = server.Tenant("contoso");
        Fabrikam = server.Tenant("fabrikam");
    }

    public SecureServer Server { get; }

    public HttpClient Admin { get; }

    public HttpClient Contoso { get; }

    public HttpClient Fabrikam { get; }

    /// <summary>Everything of Fabrikam's, by path; also the names a world without Fabrikam asks about in vain.</summary>
    public static IReadOnlyList<(string Path, string Body)> FabrikamDocuments { get; } =
    [
        ("macPools/fabrikam.pool", Owned("fabrikam", """{"properties":{"startMacAddress":"00-1D-D8-AA-00-00","endMacAddress":"00-1D-D8-AA-00-FF"}}""")),
        ("logicalNetworks/fabrikam.pa", Owned("fabrikam", """{"properties":{"networkVirtualizationEnabled":"True","subnets":[{"resourceId":"s","properties":{"addressPrefix":"192.168.9.0/24","ipPools":[{"resourceId":"p","properties":{"startIpAddress":"192.168.9.10","endIpAddress":"192.168.9.99"}}]}}]}}""")),
        ("credentials/fabrikam.c", Owned("fabrikam", """{"properties":{"type":"usernamePassword","userName":"u","value":"s3cret"}}""")),
        ("servers/fabrikam.host", Owned("fabrikam", """{"properties":{"connections":[{"managementAddresses":["192.0.2.77"]}],"networkInterfaces":[{"resourceId":"eth1","properties":{}}]}}""")),
        ("accessControlLists/fabrikam.acl", Owned("fabrikam", Story.SqlRules)),
        ("routeTables/fabrikam.routes", Owned("fabrikam", """{"properties":{"routes":[{"resourceId":"r","properties":{"addressPrefix":"10.9.0.0/16","nextHopType":"None"}}]}}""")),
        ("virtualNetworks/fabrikam.net", Owned("fabrikam", Story.Network(6001).Replace("10.1.", "10.2.", StringComparison.Ordinal))),
        ("networkInterfaces/fabrikam.sql", Owned("fabrikam", Story.Interface("fabrikam.net", "10.2.1.11", FabrikamMac, "fabrikam.acl"))),
        ("networkInterfaces/fabrikam.web", Owned("fabrikam", Story.Interface("fabrikam.net", "10.2.1.12"))),
        ("serviceInsertions/fabrikam.mirror", Owned("fabrikam", """
            {"properties":{"type":"PortMirror","priority":7,
             "serviceInsertionElements":[{"resourceId":"e","properties":{"order":1,"networkInterface":{"resourceRef":"/networkInterfaces/fabrikam.web"}}}]}}
            """)),
    ];

    /// <summary>A document said to be a tenant's.</summary>
    public static string Owned(string tenant, string body)
    {
        JsonNode document = JsonNode.Parse(body)!;
        document["resourceMetadata"] = new JsonObject { ["tenantId"] = tenant };
        return document.ToJsonString();
    }

    public static async Task<TenantWorld> StartAsync(bool withFabrikam)
    {
        TenantWorld world = new(await SecureServer.StartAsync());
        await world.AdminPutAsync("macPools/default", Story.MacPool);
        await world.AdminPutAsync("logicalNetworks/hnvpa", Story.Provider);
        await world.AdminPutAsync("virtualNetworks/contoso.net", Owned("contoso", Story.Network(5001)));
        await world.AdminPutAsync("accessControlLists/contoso.acl", Owned("contoso", Story.SqlRules));
        if (withFabrikam)
        {
            foreach ((string path, string body) in FabrikamDocuments)
            {
                await world.AdminPutAsync(path, body);
            }

            // An interface of Fabrikam's in Contoso's network, which only the provider can have made: it shows up in Contoso's own trees.
            await world.AdminPutAsync("networkInterfaces/fabrikam.guest", Owned("fabrikam", Story.Interface("contoso.net", "10.1.1.200", acl: "contoso.acl")));
        }
        else
        {
            await world.AdminPutAsync("networkInterfaces/provider.guest", Story.Interface("contoso.net", "10.1.1.200", acl: "contoso.acl"));
        }

        return world;
    }

    public async Task AdminPutAsync(string path, string body)
    {
        Reply reply = await SecureServer.SendAsync(Admin, "PUT", path, body);
        Assert.True(reply.Code is null, $"{path}: {reply.Message}");
    }

    /// <summary>All that is Fabrikam's, as the store has it.</summary>
    public string WhatFabrikamHas() => string.Join('\n', Server.Engine.Current.Roots
        .Where(root => Model.Visibility.OwnerOf(root) == "fabrikam").OrderBy(root => root.Key, StringComparer.Ordinal)
        .Select(root => Model.NodeJson.Write(root, s => s).ToJsonString()));

    /// <summary>An answer without what chance and pools decide.</summary>
    public static string Normal(Reply reply)
    {
        string headers = string.Join('\n', reply.Headers.Where(header => header.Key != "Date").OrderBy(header => header.Key, StringComparer.Ordinal).Select(header => $"{header.Key}: {header.Value}"));
        string text = $"{(int)reply.Status}\n{headers}\n{reply.Body?.ToJsonString()}";
        return Port().Replace(Vsid().Replace(Mac().Replace(Id().Replace(text, "ID"), "MAC"), "VSID"), "PORT");
    }

    public async ValueTask DisposeAsync() => await Server.DisposeAsync();

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex Id();

    [GeneratedRegex("(?<=\"privateMacAddress\":\")[0-9A-F]{12}")]
    private static partial Regex Mac();

    [GeneratedRegex("(?<=\"virtualSubnetId\":\")[0-9]+")]
    private static partial Regex Vsid();

    [GeneratedRegex("(?<=127.0.0.1:)[0-9]+")]
    private static partial Regex Port();
}
