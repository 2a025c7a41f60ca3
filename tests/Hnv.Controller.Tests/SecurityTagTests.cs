using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Controller.Tests;

/// <summary>Security tags in access control lists: who carries one is whom a rule is about, and gets the tag's list.</summary>
public sealed class SecurityTagTests : PlannedTests
{
    private const string Tagged = ",\"securityTags\":[{\"resourceRef\":\"/securityTags/web\"}]";
    private const string FromTag = """"
        {"properties":{"aclRules":[{"resourceId":"r","properties":{"type":"Inbound","action":"Deny","protocol":"TCP","priority":"200",
          "sourceSecurityTags":[{"resourceRef":"/securityTags/web"}],"destinationAddressPrefix":"*","sourcePortRange":"*","destinationPortRange":"22"}}]}}
        """";

    [Fact]
    public async Task Rule_OfATag_IsAboutItsMembersInTheOwnNetworkOnly()
    {
        await PutAsync("securityTags/web", """{"properties":{"type":"tier"}}""");
        await PutAsync("accessControlLists/sql", FromTag);

        Assert.DoesNotContain(PlanPort("contoso-sql").Rules, r => r.Action == AclAction.Block);

        await PutAsync("networkInterfaces/contoso-web", Nic("/virtualNetworks/contoso/subnets/s1", "10.1.1.12", Tagged));
        await PutAsync("networkInterfaces/fabrikam-web", Nic("/virtualNetworks/fabrikam/subnets/s1", "10.1.1.13", Tagged));

        AclRule rule = Assert.Single(PlanPort("contoso-sql").Rules, r => r.Action == AclAction.Block);
        Assert.Equal(IpPrefix.Parse("10.1.1.12/32"), Assert.Single(rule.Sources));
    }

    [Fact]
    public async Task List_OfATag_IsOnEveryInterfaceThatCarriesIt()
    {
        await PutAsync("securityTags/web", """{"properties":{}}""");
        await PutAsync("accessControlLists/web", """{"properties":{"inboundDefaultAction":"Deny","securityTags":[{"resourceRef":"/securityTags/web"}],"aclRules":[]}}""");

        Assert.Empty(PlanPort("contoso-web").Rules);
        await PutAsync("networkInterfaces/contoso-web", Nic("/virtualNetworks/contoso/subnets/s1", "10.1.1.12", Tagged));

        Assert.Contains(PlanPort("contoso-web").Rules, r => r is { Direction: Direction.Inbound, Action: AclAction.Block, Level: AclLevel.NetworkInterface });
        Assert.NotNull((await Server.GetAsync("securityTags/web")).Properties["networkInterfaces"]);
    }

    [Fact]
    public async Task Rule_AboutTheLoadBalancer_MatchesNobodyWhileThereIsNone()
    {
        await PutAsync("accessControlLists/sql", FromTag.Replace("\"sourceSecurityTags\":[{\"resourceRef\":\"/securityTags/web\"}]", "\"sourceAddressPrefix\":\"azureloadbalancer\"", StringComparison.Ordinal));

        Assert.DoesNotContain(PlanPort("contoso-sql").Rules, r => r.Action == AclAction.Block);
    }
}
