using Hnv.Lab.Fabric;

namespace Hnv.Lab.Datapath;

/// <summary>One way of carrying tenant packets between two hosts, set up and ready: two machines with a path between them.</summary>
/// <param name="Name">What it is called in tables.</param>
/// <param name="Sender">Network namespace of the sending machine; its device is eth0.</param>
/// <param name="Receiver">Network namespace of the receiving machine; its device is eth0.</param>
/// <param name="Target">The receiver's address.</param>
/// <param name="TearDown">Removes everything that was set up for it. Safe to call once.</param>
public sealed record Contender(string Name, string Sender, string Receiver, string Target, Func<Task> TearDown)
{
    /// <summary>Runs a program in the sending machine.</summary>
    public Task<string> SendAsync(IEnumerable<string> command, CancellationToken cancellation) => InsideAsync(Sender, command, cancellation);

    /// <summary>Packets that the receiving machine's device has taken in so far.</summary>
    public async Task<long> ReceivedAsync(CancellationToken cancellation)
    {
        string json = await Tool.RunAsync("ip", ["-n", Receiver, "-j", "-s", "link", "show", "dev", "eth0"], null, cancellation);
        return (long)System.Text.Json.Nodes.JsonNode.Parse(json)![0]!["stats64"]!["rx"]!["packets"]!;
    }

    private static Task<string> InsideAsync(string inNamespace, IEnumerable<string> command, CancellationToken cancellation) =>
        Tool.RunAsync("nsenter", [$"--net={LabNames.NamespaceDirectory}/{inNamespace}", "--", .. command], null, cancellation);
}
