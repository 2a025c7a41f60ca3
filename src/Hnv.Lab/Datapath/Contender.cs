using Hnv.Lab.Fabric;

namespace Hnv.Lab.Datapath;

/// <summary>Two machines on different hosts, and what the second is called by the first.</summary>
/// <param name="Sender">Network namespace of the sending machine; its device is eth0.</param>
/// <param name="Receiver">Network namespace of the receiving machine; its device is eth0.</param>
/// <param name="Target">The receiver's address.</param>
public sealed record MachinePair(string Sender, string Receiver, string Target)
{
    /// <summary>Runs a program in the sending machine.</summary>
    public Task<string> SendAsync(IEnumerable<string> command, CancellationToken cancellation) => InsideAsync(Sender, command, null, cancellation);

    /// <summary>
    /// Has the machines be as every contender's: the sender's kernel cuts datagrams itself, the receiver's takes what is only to arrive off at once.
    /// </summary>
    public async Task PrepareAsync(CancellationToken cancellation)
    {
        string discard = $$"""
            table netdev bench {
              chain arrived {
                type filter hook ingress device eth0 priority 0;
                udp dport {{Loads.Load.DiscardPort}} drop
              }
            }

            """;
        _ = await InsideAsync(Receiver, ["nft", "-f", "-"], discard, cancellation);
        _ = await InsideAsync(Sender, ["ethtool", "-K", "eth0", "tx-udp-segmentation", "off"], null, cancellation);
    }

    /// <summary>Packets that the receiving machine's device has taken in so far.</summary>
    public async Task<long> ReceivedAsync(CancellationToken cancellation)
    {
        string json = await Tool.RunAsync("ip", ["-n", Receiver, "-j", "-s", "link", "show", "dev", "eth0"], null, cancellation);
        return (long)System.Text.Json.Nodes.JsonNode.Parse(json)![0]!["stats64"]!["rx"]!["packets"]!;
    }

    /// <summary>The command that runs a program in a machine.</summary>
    public static string[] Inside(string inNamespace, IEnumerable<string> command) => [$"--net={LabNames.NamespaceDirectory}/{inNamespace}", "--", .. command];

    private static Task<string> InsideAsync(string inNamespace, IEnumerable<string> command, string? input, CancellationToken cancellation) =>
        Tool.RunAsync("nsenter", Inside(inNamespace, command), input, cancellation);
}

/// <summary>One way of carrying tenant packets between two hosts, set up and ready: two machines with a path between them.</summary>
/// <param name="Name">What it is called in tables.</param>
/// <param name="Pair">The machines that are measured.</param>
/// <param name="TearDown">Removes everything that was set up for it. Safe to call once.</param>
public sealed record Contender(string Name, MachinePair Pair, Func<Task> TearDown)
{
    /// <summary>Machines of another tenant on the same hosts; null when the contender has none.</summary>
    public MachinePair? Bystanders { get; init; }
}
