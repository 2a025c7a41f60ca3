using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Lab.Fabric;

namespace Hnv.Scenarios.Story;

/// <summary>A lab in which stock Linux programs talk through the switch: what they are asked and what they say.</summary>
public abstract class StackFixture(string file, IReadOnlyDictionary<string, long>? settings = null, bool nvgre = false)
    : LabFixture(file, settings, nvgre)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private int _port = 20000;

    /// <summary>A port that no other test of this lab uses.</summary>
    public int NextPort() => Interlocked.Increment(ref _port);

    /// <summary>The hops that traceroute prints, in order.</summary>
    public async Task<string[]> TraceAsync(string machine, string address, params string[] options)
    {
        ToolResult trace = await Lab.RunAsync(machine, ["traceroute", "-n", "-q", "1", "-w", "2", "-m", "4", .. options, address]);
        return [.. trace.Output.Split('\n').Skip(1).Where(line => line.Length > 0).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1])];
    }

    /// <summary>Starts iperf3's server for one test and runs its client; what the client reports as JSON.</summary>
    /// <param name="client">The machine that asks.</param>
    /// <param name="server">The machine that answers.</param>
    /// <param name="address">The server's address.</param>
    /// <param name="options">Of the client: <c>-R</c>, <c>-u -b 50M</c>, ….</param>
    public async Task<JsonNode> IperfAsync(string client, string server, string address, params string[] options)
    {
        string port = NextPort().ToString(CultureInfo.InvariantCulture);
        using Process listening = Start(server, "iperf3", "-s", "-1", "-p", port, "--forceflush");
        await ReadUntilAsync(listening, line => line.Contains("Server listening", StringComparison.Ordinal));
        ToolResult result = await Lab.RunAsync(client, ["timeout", "60", "iperf3", "-J", "-c", address, "-p", port, .. options]);
        JsonNode report = JsonNode.Parse(result.Output)!;
        Assert.True(result.ExitCode == 0, (string?)report["error"]);
        return report["end"]!;
    }

    /// <summary>Opens an SCTP association, has one message echoed and closes it; what came back.</summary>
    public async Task<string> SctpAsync(string client, string source, string server, string address, string text)
    {
        string port = NextPort().ToString(CultureInfo.InvariantCulture);
        using Process serving = Start(server, "/usr/bin/python3", Script("sctp.py"), "serve", address, port);
        await ReadUntilAsync(serving, line => line == "ready");
        ToolResult result = await Lab.RunAsync(client, ["/usr/bin/python3", Script("sctp.py"), "connect", source, address, port, text]);
        Assert.True(result.ExitCode == 0, result.Error);
        await serving.WaitForExitAsync().WaitAsync(s_patience);
        Assert.Equal(0, serving.ExitCode);
        return result.Output.Trim();
    }

    /// <summary>Sends UDP datagrams and waits for as many to arrive, at most a second; their traffic classes on arrival.</summary>
    public async Task<IReadOnlyList<int>> SendDatagramsAsync(
        string sender, string receiver, string address, int trafficClass, int count, int length = 32)
    {
        string port = NextPort().ToString(CultureInfo.InvariantCulture);
        using Process receiving = Start(receiver, "/usr/bin/python3", Script("datagram.py"), "receive", address, port);
        await ReadUntilAsync(receiving, line => line == "ready");
        ToolResult sent = await Lab.RunAsync(
            sender,
            ["/usr/bin/python3", Script("datagram.py"), "send", address, port, Text(trafficClass), Text(length), Text(count)]);
        Assert.True(sent.ExitCode == 0, sent.Error);
        List<int> classes = [];
        using CancellationTokenSource enough = new(TimeSpan.FromSeconds(1));
        try
        {
            while (classes.Count < count && await receiving.StandardOutput.ReadLineAsync(enough.Token) is { } line)
            {
                string[] words = line.Split(' ');
                Assert.Equal(Text(length), words[2]);
                classes.Add(int.Parse(words[1], CultureInfo.InvariantCulture));
            }
        }
        catch (OperationCanceledException)
        {
            // What did not come within a second does not come.
        }

        receiving.Kill();
        return classes;
    }

    /// <summary>Runs a program and reads what it prints until a line says that it is ready.</summary>
    public static async Task ReadUntilAsync(Process process, Func<string, bool> ready)
    {
        string? line;
        do
        {
            line = await process.StandardOutput.ReadLineAsync().WaitAsync(s_patience);
            Assert.NotNull(line);
        }
        while (!ready(line));
    }

    private static string Script(string name) => Path.Combine(AppContext.BaseDirectory, name);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
