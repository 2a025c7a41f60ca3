using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Hnv.Client;
using Hnv.Contracts.HostChannel;
using Hnv.Lab.Fabric;
using Hnv.Lab.Running;
using Hnv.Lab.Topology;

namespace Hnv.Scenarios.Story;

/// <summary>A lab that is up for the tests of one class, and the words its stories are told in.</summary>
public abstract class LabFixture(string file, IReadOnlyDictionary<string, long>? settings = null, bool nvgre = false, bool secure = false, string? executor = null) : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private static readonly string s_workingCopy =
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(AppContext.BaseDirectory)).AsSpan(0, 2));

    private readonly List<Process> _background = [];
    private readonly HashSet<(string Machine, int Port)> _served = [];

    public RunningLab Lab { get; private set; } = null!;

    /// <summary>Of this class in this working copy: a lab that somebody has up, or another run of the tests, is not disturbed.</summary>
    private string Name => $"test{GetType().Name.ToLowerInvariant()}{s_workingCopy}";

    public async Task InitializeAsync()
    {
        await LabDown.RunAsync(Name);
        LabRequest request = new(
            file,
            settings ?? new Dictionary<string, long>(),
            nvgre,
            executor ?? Environment.GetEnvironmentVariable("HNV_EXECUTOR"),
            Name,
            secure);
        Lab = new RunningLab(await LabUp.RunAsync(request, _ => { }, default));
    }

    public async Task DisposeAsync()
    {
        await LabDown.RunAsync(Name);
        _background.ForEach(process => process.Dispose());
    }

    /// <summary>True when one of a few pings is answered.</summary>
    public async Task<bool> PingsAsync(string machine, string address, int attempts = 3)
    {
        for (int i = 0; i < attempts; i++)
        {
            if ((await Lab.RunAsync(machine, ["ping", "-n", "-c", "1", "-W", "1", address])).ExitCode == 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Tries until it works; how long that took, or null when it did not within the limit.</summary>
    public static async Task<TimeSpan?> WithinAsync(TimeSpan limit, Func<Task<bool>> works)
    {
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < limit)
        {
            if (await works())
            {
                return Stopwatch.GetElapsedTime(started);
            }

            await Task.Delay(10);
        }

        return null;
    }

    /// <summary>
    /// Sees to it that a TCP server answers every connection with the machine's name, and every further line with itself.
    /// </summary>
    public async Task ServeAsync(string machine, int port)
    {
        const string Server = """
            import os, socketserver, sys
            class Handler(socketserver.StreamRequestHandler):
                def handle(self):
                    self.wfile.write(os.environ['HNV_MACHINE'].encode() + b'\n')
                    for line in self.rfile:
                        self.wfile.write(line)
            class Server(socketserver.ThreadingTCPServer):
                allow_reuse_address = True
                daemon_threads = True
            server = Server(('0.0.0.0', int(sys.argv[1])), Handler)
            print('ready', flush=True)
            server.serve_forever()
            """;
        if (!_served.Add((machine, port)))
        {
            return;
        }

        Process process = Start(machine, "/usr/bin/python3", "-c", Server, port.ToString(CultureInfo.InvariantCulture));
        Assert.Equal("ready", await process.StandardOutput.ReadLineAsync().WaitAsync(s_patience));
    }

    /// <summary>The name that a server answers with; null when nobody answers within a second.</summary>
    public async Task<string?> WhoAnswersAsync(string machine, string address, int port, string seconds = "1")
    {
        ToolResult result = await Lab.RunAsync(
            machine, ["timeout", seconds, "bash", "-c", $"exec 3<>/dev/tcp/{address}/{port} && head -n 1 <&3"]);
        return result.ExitCode == 0 && result.Output.Length > 0 ? result.Output.Trim() : null;
    }

    /// <summary>A connection that stays open: each call sends a line and waits for its echo.</summary>
    public async Task<Conversation> TalkAsync(string machine, string address, int port)
    {
        Process process = Start(machine, "bash", "-c", $"exec 3<>/dev/tcp/{address}/{port}; cat <&3 & cat >&3");
        Assert.NotNull(await process.StandardOutput.ReadLineAsync().WaitAsync(s_patience));
        return new Conversation(process);
    }

    /// <summary>Sends a frame out of a machine's first adapter.</summary>
    public Task SendFrameAsync(string machine, byte[] frame) => ForgeAsync(machine, "frame", "eth0", Convert.ToHexString(frame));

    /// <summary>Sends a VXLAN packet from the router, with any outer source.</summary>
    public Task SendOuterAsync(string source, string destination, int vni, byte[] frame) =>
        ForgeAsync("tor", "outer", source, destination, vni.ToString(CultureInfo.InvariantCulture), Convert.ToHexString(frame));

    /// <summary>The status of the port of a machine's first adapter.</summary>
    public async Task<PortStatus> PortAsync(string machine)
    {
        LabMachine there = Lab.Machine(machine);
        using HostClient agent = Lab.Agent(there.Host);
        return (await agent.GetPortsAsync()).Single(port => port.Nic == there.Adapters[0].InstanceId);
    }

    /// <summary>Packets dropped on their way in from the provider network, for one reason.</summary>
    public async Task<long> UnderlayDropsAsync(string host, string reason)
    {
        using HostClient agent = Lab.Agent(host);
        return (await agent.GetCountersAsync()).UnderlayDrops.GetValueOrDefault(reason);
    }

    /// <summary>Replaces an access control list by REST.</summary>
    public async Task PutAclAsync(string name, bool permitsInbound, bool permitsOutbound, params string[] rules)
    {
        List<LabAclRule> read = [];
        foreach (string text in rules)
        {
            Assert.True(LabAclRule.TryParse(text, 110 + (10 * read.Count), out LabAclRule? rule, out string mistake), mistake);
            read.Add(rule!);
        }

        PolicyDocument document = PolicyDocuments.Acl(new LabAcl(name, permitsInbound, permitsOutbound, read));
        using ControllerClient controller = Lab.Controller();
        await controller.PutAsync(document.Path, document.Body);
    }

    /// <summary>Waits until no host has policy under way: each says so twice, a planning apart.</summary>
    public async Task SettleAsync()
    {
        for (int quiet = 0; quiet < 2; quiet++)
        {
            await Task.Delay(60);
            foreach (LabHost host in Lab.Topology.Hosts)
            {
                using HostClient agent = Lab.Agent(host.Name);
                ConfigurationProgress progress = (await agent.GetHostAsync()).Configuration;
                quiet = progress.Current == progress.Next ? quiet : -1;
            }
        }
    }

    private async Task ForgeAsync(string place, params string[] arguments)
    {
        ToolResult result = await Lab.RunAsync(place, ["/usr/bin/python3", Path.Combine(AppContext.BaseDirectory, "forge.py"), .. arguments]);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    /// <summary>Starts a program in a machine with its input and output at our end; it ends with the lab at the latest.</summary>
    public Process Start(string machine, params string[] command)
    {
        ProcessStartInfo start = Lab.Command(machine, command);
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        Process process = Process.Start(start)!;
        _background.Add(process);
        return process;
    }
}

/// <summary>An open TCP connection with an echo at its other end.</summary>
public sealed class Conversation(Process process) : IDisposable
{
    private int _count;

    /// <summary>True when a new line comes back in time.</summary>
    public async Task<bool> EchoesAsync(TimeSpan limit)
    {
        string line = string.Create(CultureInfo.InvariantCulture, $"line {++_count}");
        await process.StandardInput.WriteLineAsync(line);
        await process.StandardInput.FlushAsync();
        try
        {
            return await process.StandardOutput.ReadLineAsync().WaitAsync(limit) == line;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    public void Dispose() => process.Kill(entireProcessTree: true);
}
