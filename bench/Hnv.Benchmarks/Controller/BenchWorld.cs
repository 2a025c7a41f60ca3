using System.Globalization;

namespace Hnv.Benchmarks.Controller;

/// <summary>The documents: one network of 10,000 interfaces, as many of 1,000 as are needed, and one that has a port on every host.</summary>
internal static class BenchWorld
{
    public const int LargeNetwork = 10_000;
    public const string Fleet = "fleet";

    private const int SmallNetwork = 1_000;

    /// <summary>What interfaces need to be there.</summary>
    public static IEnumerable<(string Path, string Body)> Ground(int interfaces)
    {
        yield return ("macPools/all", """{"properties":{"startMacAddress":"00-1D-D8-00-00-00","endMacAddress":"00-1D-D8-FF-FF-FF"}}""");
        yield return ("logicalNetworks/provider", """
            {"properties":{"networkVirtualizationEnabled":"True","subnets":[{"resourceId":"pa","properties":{"addressPrefix":"192.168.0.0/16","vlanID":"11","defaultGateways":["192.168.0.1"],
             "ipPools":[{"resourceId":"pool","properties":{"startIpAddress":"192.168.1.1","endIpAddress":"192.168.255.250"}}]}}]}}
            """);
        foreach (string network in Enumerable.Range(0, interfaces).Select(NetworkOf).Distinct().Append(Fleet))
        {
            yield return ($"virtualNetworks/{network}", """
                {"properties":{"addressSpace":{"addressPrefixes":["10.0.0.0/16"]},"logicalNetwork":{"resourceRef":"/logicalNetworks/provider"},
                 "subnets":[{"resourceId":"s","properties":{"addressPrefix":"10.0.0.0/16"}}]}}
                """);
        }
    }

    /// <summary>The interfaces from one number to another.</summary>
    public static IEnumerable<(string Path, string Body)> Interfaces(int from, int to) =>
        Enumerable.Range(from, to - from).Select(number => (PathOf(number), Interface(NetworkOf(number))));

    /// <summary>Replacements of interfaces that are there already, without end, each other than what is stored.</summary>
    public static IEnumerable<(string Path, string Body)> Replacements(int count)
    {
        var random = new Random(1);
        for (int round = 0; ; round++)
        {
            int number = random.Next(count);
            yield return (PathOf(number), Interface(NetworkOf(number), string.Create(CultureInfo.InvariantCulture, $$""","internalDnsNameLabel":"vm{{round}}" """)));
        }
    }

    public static string PathOf(int number) => string.Create(CultureInfo.InvariantCulture, $"networkInterfaces/nic-{number:D6}");

    /// <summary>An interface that is given its addresses; further properties each begin with a comma.</summary>
    public static string Interface(string network, string more = "") => $$$$"""
        {"properties":{"privateMacAllocationMethod":"Dynamic"{{{{more}}}},"ipConfigurations":[{"resourceId":"ip","properties":{
         "privateIPAllocationMethod":"Dynamic","subnet":{"resourceRef":"/virtualNetworks/{{{{network}}}}/subnets/s"}}}]}}
        """;

    /// <summary>The interface of one host, in the network that all hosts have a port of.</summary>
    /// <param name="id">Its instanceId.</param>
    /// <param name="number">Of the host.</param>
    /// <param name="change">Grows with every change of its address.</param>
    public static string FleetInterface(Guid id, int number, int change) => string.Create(CultureInfo.InvariantCulture, $$$$"""
        {"instanceId":"{{{{id}}}}","properties":{"privateMacAllocationMethod":"Dynamic","ipConfigurations":[{"resourceId":"ip","properties":{
         "privateIPAllocationMethod":"Static","privateIPAddress":"10.0.{{{{(change * 16) + (number / 250) + 1}}}}.{{{{(number % 250) + 2}}}}","subnet":{"resourceRef":"/virtualNetworks/{{{{Fleet}}}}/subnets/s"}}}]}}
        """);

    public static string Server(Guid id, string address) => $$$"""
        {"instanceId":"{{{id}}}","properties":{"connections":[{"managementAddresses":["{{{address}}}"]}],
         "networkInterfaces":[{"resourceId":"eth1","properties":{"logicalSubnets":[{"resourceRef":"/logicalNetworks/provider/subnets/pa"}]}}]}}
        """;

    private static string NetworkOf(int number) => number < LargeNetwork ? "large" : string.Create(CultureInfo.InvariantCulture, $"n{(number - LargeNetwork) / SmallNetwork:D3}");
}
