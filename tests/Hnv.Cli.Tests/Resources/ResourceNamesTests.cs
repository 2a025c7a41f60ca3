using Hnv.Cli.Resources;

namespace Hnv.Cli.Tests.Resources;

/// <summary>What people type for a resource, and what they get to see.</summary>
public sealed class ResourceNamesTests
{
    [Theory]
    [InlineData("vnet", "virtualNetworks")]
    [InlineData("VirtualNetwork", "virtualNetworks")]
    [InlineData("nic/web", "networkInterfaces/web")]
    [InlineData("/networking/v3/servers/host1/", "servers/host1")]
    [InlineData("acl/web/aclRules/http", "accessControlLists/web/aclRules/http")]
    [InlineData("publicIPAddress/p", "publicIPAddresses/p")]
    [InlineData("mux", "loadBalancerMuxes")]
    [InlineData("unheardOf/x", "unheardOf/x")]
    public void Path_WhatPeopleType_IsTheCanonicalOne(string typed, string path) => Assert.Equal(path, ResourceNames.Path(typed));

    [Fact]
    public void Paths_TypeAndNames_AreOneForEachName()
    {
        Assert.Equal(["networkInterfaces/a", "networkInterfaces/b"], ResourceNames.Paths(["nic", "a", "b"]));
        Assert.Equal(["virtualNetworks/a", "servers/b"], ResourceNames.Paths(["vnet/a", "host/b"]));
    }

    [Fact]
    public void Types_ShortNames_AreUnique()
    {
        string[] all = [.. ResourceNames.Types.SelectMany(type => type.Value.Append(type.Key))];

        Assert.Equal(all.Length, all.Distinct(StringComparer.OrdinalIgnoreCase).Count());
    }

    [Fact]
    public void Absent_MisspeltType_SaysWhichWasMeant() => Assert.Contains("Did you mean servers?", ResourceNames.Absent("serverz"), StringComparison.Ordinal);

    [Fact]
    public void Clean_TextOfSomebodyElse_MovesNoCursor() => Assert.Equal("a\uFFFD[31mb\uFFFD", Output.Clean("a\u001b[31mb\u0007"));
}
