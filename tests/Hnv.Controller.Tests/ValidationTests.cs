using System.Net;

namespace Hnv.Controller.Tests;

/// <summary>Every rule: a body that breaks it, the code it is refused with, and that nothing changed.</summary>
public sealed class ValidationTests(RestServer server) : IClassFixture<RestServer>, IAsyncLifetime
{
    private const string Rule = """{"resourceId":"r","properties":{"type":"Inbound","action":"Allow","protocol":"TCP","priority":"100","sourceAddressPrefix":"*","destinationAddressPrefix":"*","sourcePortRange":"*","destinationPortRange":"80"}}""";
    private const string Net = """{"properties":{"addressSpace":{"addressPrefixes":["10.5.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},"subnets":[SUBNETS]}}""";

    public async Task InitializeAsync()
    {
        await server.TellAsync();
        await server.PutAsync("logicalNetworks/plain", """{"properties":{"subnets":[{"resourceId":"s","properties":{"addressPrefix":"172.16.0.0/24","defaultGateways":["172.16.0.1"]}},{"resourceId":"bare","properties":{}}]}}""");
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public static TheoryData<string, string, string> Wrong => new()
    {
        { "virtualNetworks/x", "not json", "InvalidRequestFormat" },
        { "virtualNetworks/x", "[]", "InvalidRequestFormat" },
        { "virtualNetworks/x", """{"a":1,"a":2}""", "InvalidRequestFormat" },
        { "virtualNetworks/x", """{"properties":[]}""", "InvalidRequestFormat" },
        { "virtualNetworks/x", """{"resourceId":"y","properties":{}}""", "InvalidResourceName" },
        { "virtualNetworks/x", """{"properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]}}}""", "InvalidLogicalNetworkReference" },
        { "virtualNetworks/x", """{"properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/none"}}}""", "InvalidLogicalNetworkReference" },
        { "virtualNetworks/x", """{"properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/plain"}}}""", "InvalidLogicalNetworkReference" },
        { "virtualNetworks/x", """{"properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]},"logicalNetwork":{"resourceRef":"/macPools/default"}}}""", "InvalidJsonReferenceWrongType" },
        { "virtualNetworks/x", """{"properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/8"]},"logicalNetwork":{"resourceRef":"oops"}}}""", "InvalidJsonReferenceFormat" },
        { "virtualNetworks/x", """{"properties":{"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"}}}""", "RequiredParamMissing" },
        { "virtualNetworks/x", """{"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/33"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"}}}""", "InvalidIPPrefix" },
        { "virtualNetworks/x", Subnets("""{"properties":{"addressPrefix":"10.5.1.0/24"}}"""), "RequiredParamMissing" },
        { "virtualNetworks/x", Subnets(Subnet("a", "10.5.1.0/24"), Subnet("A", "10.5.2.0/24")), "InvalidResourceName" },
        { "virtualNetworks/x", Subnets(Subnet("a", "10.5.1.0/24"), Subnet("b", "10.5.1.128/25")), "InvalidSubnet" },
        { "virtualNetworks/x", Subnets(Subnet("a", "10.6.1.0/24")), "InvalidSubnet" },
        { "virtualNetworks/x", Subnets(Subnet("a", "10.5.1.0/31")), "InvalidSubnet" },
        { "virtualNetworks/x", Subnets(Subnet("a", "10.5.1.7/24")), "InvalidIPPrefix" },
        { "virtualNetworks/x", Subnets(Subnet("a", "10.5.1.0/24", 4095)), "InvalidParameterValue" },
        { "virtualNetworks/x", Subnets(Subnet("a", "10.5.1.0/24", 16777215)), "InvalidParameterValue" },
        { "virtualNetworks/x", Subnets(Subnet("a", "10.5.1.0/24", 5001)), "InvalidParameterValue" },
        { "virtualNetworks/contoso/subnets/s1", """{"properties":{"addressPrefix":"10.1.1.0/24","virtualSubnetId":"7777"}}""", "InvalidParameterValue" },
        { "virtualNetworks/contoso/subnets/s1", """{"properties":{"addressPrefix":"10.1.2.0/24"}}""", "InUseSubnetCannotBeUpdated" },
        { "virtualNetworks/contoso", """{"properties":{"addressSpace":{"addressPrefixes":["10.1.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/hnvpa"},"subnets":[]}}""", "InUseSubnetCannotBeDeleted" },
        { "logicalNetworks/x", """{"properties":{"subnets":[{"resourceId":"a","properties":{"addressPrefix":"172.16.0.0/24"}},{"resourceId":"b","properties":{"addressPrefix":"172.16.0.0/16"}}]}}""", "InvalidSubnet" },
        { "logicalNetworks/x", """{"properties":{"subnets":[{"resourceId":"a","properties":{"addressPrefix":"172.16.0.0/24","vlanID":4096}}]}}""", "InvalidParameterValue" },
        { "logicalNetworks/x", """{"properties":{"subnets":[{"resourceId":"a","properties":{"addressPrefix":"172.16.0.0/24","defaultGateways":["172.17.0.1"]}}]}}""", "InvalidParameterValue" },
        { "logicalNetworks/x", """{"properties":{"subnets":[{"resourceId":"a","properties":{"addressPrefix":"172.16.0.0/24","ipPools":[{"resourceId":"p","properties":{"startIpAddress":"172.16.1.1","endIpAddress":"172.16.1.9"}}]}}]}}""", "InvalidParameterValue" },
        { "logicalNetworks/x", """{"properties":{"subnets":[{"resourceId":"a","properties":{"addressPrefix":"172.16.0.0/24","ipPools":[{"resourceId":"p","properties":{"startIpAddress":"172.16.0.9","endIpAddress":"172.16.0.1"}}]}}]}}""", "InvalidParameterValue" },
        { "logicalNetworks/x", """{"properties":{"subnets":[{"resourceId":"a","properties":{"addressPrefix":"172.16.0.0/24","routes":[{"resourceId":"p","properties":{"destination":"10.0.0.0/8","nextHop":"1.2.3.4"}}]}}]}}""", "InvalidNextHopIpAddress" },
        { "macPools/x", """{"properties":{"startMacAddress":"00-1D-D8-00-00-09","endMacAddress":"00-1D-D8-00-00-01"}}""", "InvalidMacAddressForMacPool" },
        { "macPools/x", """{"properties":{"startMacAddress":"01-1D-D8-00-00-00","endMacAddress":"01-1D-D8-00-00-09"}}""", "MacPoolContainsMulticastAddresses" },
        { "macPools/x", """{"properties":{"startMacAddress":"00-1D-D8-B7-1C-80","endMacAddress":"00-1D-D8-B7-1D-00"}}""", "InvalidMacAddressForMacPool" },
        { "macPools/default", """{"properties":{"startMacAddress":"00-1D-D8-B7-1C-00","endMacAddress":"00-1D-D8-B7-1D-00"}}""", "InvalidParameterValue" },
        { "servers/x", """{"properties":{}}""", "RequiredParamMissing" },
        { "servers/x", """{"properties":{"unmanagedVtep":{"address":"nowhere"}}}""", "InvalidIPAddress" },
        { "servers/x", """{"properties":{"connections":[{"managementAddresses":["h"]}],"networkInterfaces":[{"resourceId":"a","properties":{"logicalSubnets":[{"resourceRef":"/logicalNetworks/hnvpa/subnets/pa-1"}]}},{"resourceId":"b","properties":{"logicalSubnets":[{"resourceRef":"/logicalNetworks/hnvpa/subnets/pa-2"}]}}]}}""", "InvalidParameterValue" },
        { "networkInterfaces/x", """{"properties":{}}""", "RequiredParamMissing" },
        { "networkInterfaces/x", """{"properties":{"privateMacAllocationMethod":"Static"}}""", "PrivateMacAddressMissing" },
        { "networkInterfaces/x", """{"properties":{"privateMacAllocationMethod":"Static","privateMacAddress":"xyz"}}""", "InvalidPrivateMacAddress" },
        { "networkInterfaces/x", """{"properties":{"privateMacAllocationMethod":"Static","privateMacAddress":"01-00-5E-00-00-01"}}""", "InvalidPrivateMacAddress" },
        { "networkInterfaces/x", Story.Interface("contoso", "10.1.1.20", mac: "001DD8B71C03"), "InvalidPrivateMacAddress" },
        { "networkInterfaces/x", """{"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{}}]}}""", "SubnetIsRequired" },
        { "networkInterfaces/x", Configuration(""" "privateIPAllocationMethod":"Static" """), "PrivateIPAddressMissing" },
        { "networkInterfaces/x", Configuration(""" "privateIPAllocationMethod":"Static","privateIPAddress":"10.1.1" """), "InvalidPrivateIPAddressFormat" },
        { "networkInterfaces/x", Configuration(""" "privateIPAllocationMethod":"Unmanaged" """), "UnmanagedAllocationMethodNotSupported" },
        { "networkInterfaces/x", Story.Interface("contoso", "10.1.2.7"), "PrivateIPAddressNotInSubnet" },
        { "networkInterfaces/x", Story.Interface("contoso", "10.1.1.1"), "PrivateIPAddressInReservedRange" },
        { "networkInterfaces/x", Story.Interface("contoso", "10.1.1.255"), "PrivateIPAddressInReservedRange" },
        { "networkInterfaces/x", Story.Interface("contoso", "10.1.1.11"), "PrivateIPAddressInUse" },
        { "networkInterfaces/x", Story.Interface("nobody", "10.1.1.13"), "InvalidResourceReference" },
        { "networkInterfaces/x", """{"properties":{"privateMacAllocationMethod":"Dynamic","placement":{"resourceRef":"/servers/host1"}}}""", "InvalidParameterValue" },
        { "networkInterfaces/x", """{"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{"subnet":{"resourceRef":"/logicalNetworks/plain/subnets/bare"}}}]}}""", "PrivateIpAllocationMethodMustBeUnmanaged" },
        { "networkInterfaces/contoso-sql", """{"properties":{"privateMacAllocationMethod":"Static","privateMacAddress":"001DD8000001"}}""", "PrivateMacAllocationMethodCannotBeUpdated" },
        { "networkInterfaces/contoso-sql/ipConfigurations/ip1", """{"properties":{"privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s1"}}}""", "PrivateIpAllocationMethodCannotBeUpdated" },
        { "accessControlLists/x", Acl("\"type\":\"Inbound\"", "\"type\":\"Sideways\""), "InvalidAclRuleType" },
        { "accessControlLists/x", Acl("\"Allow\"", "\"Maybe\""), "InvalidAclRuleAction" },
        { "accessControlLists/x", Acl("\"TCP\"", "\"SCTP\""), "InvalidAclRuleProtocol" },
        { "accessControlLists/x", Acl("\"100\"", "\"99\""), "InvalidAclRulePriority" },
        { "accessControlLists/x", Acl("\"100\"", "\"65001\""), "InvalidAclRulePriority" },
        { "accessControlLists/x", Acl("\"sourceAddressPrefix\":\"*\"", "\"sourceAddressPrefix\":\"10.0.0.1/8\""), "AclRuleInvalidSourceAddressPrefix" },
        { "accessControlLists/x", Acl("\"destinationAddressPrefix\":\"*\"", "\"destinationAddressPrefix\":\"AZUREDNS\""), "AclRuleInvalidDestinationAddressPrefix" },
        { "accessControlLists/x", Acl("\"sourceAddressPrefix\":\"*\",", ""), "AclRuleSourceNeitherAddressPrefixNorSecurityTagsPresent" },
        { "accessControlLists/x", Acl("\"sourceAddressPrefix\":\"*\"", "\"sourceAddressPrefix\":\"\""), "AclRuleNullOrEmptySourceAddressPrefix" },
        { "accessControlLists/x", Acl("\"80\"", "\"90-80\""), "AclRuleInvalidDestinationPortRange" },
        { "accessControlLists/x", Acl("\"80\"", "\"\""), "AclRuleNullOrEmptyDestinationPortRange" },
        { "accessControlLists/x", $$$$$$"""{"properties":{"aclRules":[{{{{{{Rule}}}}}},{{{{{{Rule.Replace("\"r\"", "\"q\"", StringComparison.Ordinal)}}}}}}]}}""", "InvalidAclRulePriority" },
        { "credentials/x", """{"properties":{"type":"usernamePassword","value":"x"}}""", "RequiredParamMissing" },
        { "credentials/x", """{"properties":{"type":"GroupManagedServiceAccount","userName":"x"}}""", "OperationNotSupported" },
        { "virtualNetworkManager/configuration", """{"properties":{"virtualSubnetIdRange":{"startId":9000,"endId":8000}}}""", "InvalidVsidRangeFormat" },
        { "virtualNetworkManager/configuration", """{"properties":{"virtualSubnetIdRange":{"startId":1,"endId":8000}}}""", "InvalidVsidRangeValues" },
        { "virtualNetworkManager/configuration", """{"properties":{"networkVirtualizationProtocol":"GENEVE"}}""", "InvalidParameterValue" },
        { "virtualNetworkManager/other", """{"properties":{}}""", "OperationNotSupported" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Put_Wrong_IsRefusedWithItsCodeAndChangesNothing(string path, string body, string code)
    {
        long before = server.Engine.Current.Revision;

        Reply reply = await server.PutAsync(path, body);

        Assert.Equal(code, reply.Code);
        Assert.InRange((int)reply.Status, 400, 409);
        Assert.NotEmpty(reply.Message!);
        Assert.Equal(before, server.Engine.Current.Revision);
    }

    [Fact]
    public async Task Put_SeveralFaults_AreAllNamed()
    {
        Reply reply = await server.PutAsync("virtualNetworks/x", Subnets(Subnet("a", "10.5.1.1/24"), Subnet("b", "10.77.0.0/24")));

        Assert.Equal(["InvalidIPPrefix", "InvalidSubnet"], reply.Body!["error"]!["details"]!.AsArray().Select(d => (string)d!["code"]!));
    }

    [Fact]
    public async Task Put_Refused_NamesObjectValueAndRemedy()
    {
        Reply reply = await server.PutAsync("networkInterfaces/x", Story.Interface("contoso", "10.1.2.7"));

        Assert.Equal(
            "/networkInterfaces/x/ipConfigurations/ip1: privateIPAddress 10.1.2.7 lies outside 10.1.1.0/24, the prefix of /virtualNetworks/contoso/subnets/s1. Use an address of that prefix or another subnet.",
            reply.Message);
        Assert.Equal("/networkInterfaces/x/ipConfigurations/ip1", (string?)reply.Body!["error"]!["target"]);
    }

    [Fact]
    public async Task Put_Refused_GivesBackWhatItTook()
    {
        await server.PutAsync("networkInterfaces/x", """
            {"properties":{"privateMacAllocationMethod":"Static","privateMacAddress":"02AA00000001","ipConfigurations":[
             {"resourceId":"i","properties":{"privateIPAllocationMethod":"Static","privateIPAddress":"10.1.1.77","subnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s1"}}},
             {"resourceId":"j","properties":{"privateIPAllocationMethod":"Static","privateIPAddress":"10.1.1.11","subnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s1"}}}]}}
            """);

        Reply reply = await server.PutAsync("networkInterfaces/after", Story.Interface("contoso", "10.1.1.77", mac: "02AA00000001"));

        Assert.Equal(HttpStatusCode.Created, reply.Status);
        await server.DeleteAsync("networkInterfaces/after");
    }

    [Theory]
    [InlineData("virtualNetworks/contoso", "VnetInUse")]
    [InlineData("virtualNetworks/contoso/subnets/s1", "InUseSubnetCannotBeDeleted")]
    [InlineData("logicalNetworks/hnvpa", "ResourceInUse")]
    [InlineData("logicalNetworks/hnvpa/subnets/pa-1", "InUseSubnetCannotBeDeleted")]
    [InlineData("logicalNetworks/hnvpa/subnets/pa-1/ipPools/pool", "InUseIpPoolCannotBeDeleted")]
    [InlineData("accessControlLists/sql", "InUseAccessControlListCannotBeDeleted")]
    [InlineData("macPools/default", "ResourceInUse")]
    public async Task Delete_WhatOthersNeed_Is409(string path, string code)
    {
        Reply reply = await server.DeleteAsync(path);

        Assert.Equal(HttpStatusCode.Conflict, reply.Status);
        Assert.Equal(code, reply.Code);
    }

    [Fact]
    public async Task Put_BodyAboveTheLimit_Is413()
    {
        Reply reply = await server.PutAsync("credentials/big", new string(' ', Http.NetworkingApi.BodyMax + 1), ("Expect", "100-continue"));

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, reply.Status);
    }

    [Fact]
    public async Task Put_VsidRangeThroughV1_IsRefused()
    {
        Reply reply = await server.SendAsync(HttpMethod.Put, "v1/virtualNetworkManager/configuration", """{"properties":{"virtualSubnetIdRange":{"startId":5000,"endId":8000}}}""");

        Assert.Equal("MinimumApiVersionNotSpecifiedForVsidRange", reply.Code);
    }

    private static string Subnets(params string[] subnets) => Net.Replace("SUBNETS", string.Join(",", subnets), StringComparison.Ordinal);

    private static string Subnet(string id, string prefix, int? vsid = null) =>
        $$$$$$"""{"resourceId":"{{{{{{id}}}}}}","properties":{"addressPrefix":"{{{{{{prefix}}}}}}"{{{{{{(vsid is null ? "" : $",\"virtualSubnetId\":\"{vsid}\"")}}}}}}}}""";

    private static string Configuration(string properties) => $$$$$$"""
        {"properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"i","properties":{ {{{{{{properties}}}}}},
         "subnet":{"resourceRef":"/virtualNetworks/contoso/subnets/s1"}}}]}}
        """;

    private static string Acl(string from, string to) => $$$$$$"""{"properties":{"aclRules":[{{{{{{Rule.Replace(from, to, StringComparison.Ordinal)}}}}}}]}}""";
}
