using System.Globalization;
using Hnv.Corpus.InMemory;
using Hnv.Corpus.Worlds;
using Xunit.Abstractions;

namespace Hnv.Switch.Tests;

/// <summary>
/// Random datacenters, carried by real switches and predicted by a model that knows the policies and the requirements only. A disagreement names its
/// seed and the number of the packet: <c>HNV_SEED=31 dotnet test tests/Hnv.Switch.Tests</c> shows it again. <c>HNV_LONG=1</c> tries more worlds.
/// </summary>
public sealed class ModelTests(ITestOutputHelper output)
{
    private const int PacketsPerWorld = 4000;
    private const int Worlds = 30;
    private const int WorldsOfALongRun = 500;

    /// <summary>What a run must have met, or it has proved nothing about it.</summary>
    private static readonly string[] s_mustMeet =
    [
        "Answered", "Delivered", "Local", "Wire", "Acl", "DestinationPortNotReady", "EcnNotCapable", "FragmentWithoutFirst", "IPv4Guard", "IPv6Guard", "MacGuard",
        "MtuExceeded", "NoDestinationUnicast", "NoDestinationsBroadcast", "NoRoute", "RouteDrop", "TtlExpired", "UnknownProviderAddress", "UnknownVsid",
        "VlanTagged", "WrongInnerDestination", "begin Destination, inbound", "begin LoadBalance, outbound", "begin Prefix, outbound", "begin Source, outbound",
        "begin Static, inbound", "begin Static, outbound", "conversation no longer wanted", "conversation of a port with itself",
        "conversation translated, inbound", "conversation translated, outbound", "too long", "error translated, inbound", "error translated, outbound",
        "group address", "later fragment", "mirror", "route VirtualAppliance", "route to a peer",
    ];

    [Fact]
    public void AnyPacket_OfAnyWorld_BecomesWhatTheModelSays()
    {
        bool isLong = Environment.GetEnvironmentVariable("HNV_LONG") == "1";
        bool isReplay = int.TryParse(Environment.GetEnvironmentVariable("HNV_SEED"), NumberStyles.None, CultureInfo.InvariantCulture, out int seed);
        int first = isReplay ? seed : 1, count = isReplay ? 1 : isLong ? WorldsOfALongRun : Worlds;
        SortedDictionary<string, int> met = new(StringComparer.Ordinal);
        for (int world = first; world < first + count; world++)
        {
            DifferentialRun run = new(world, () => new SoftwareHost());
            string? disagreement = run.Carry(PacketsPerWorld);
            foreach ((string what, int times) in run.Seen.Concat(run.Met))
            {
                met[what] = met.GetValueOrDefault(what) + times;
            }

            Assert.True(disagreement is null, string.Create(CultureInfo.InvariantCulture, $"seed {world}, {disagreement}"));
        }

        output.WriteLine(string.Join('\n', met.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.Value,8} {pair.Key}"))));
        Assert.True(isReplay || s_mustMeet.All(met.ContainsKey), $"never met: {string.Join(", ", s_mustMeet.Where(what => !met.ContainsKey(what)))}");
    }
}
