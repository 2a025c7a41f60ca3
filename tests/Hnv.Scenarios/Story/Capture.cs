using System.Buffers.Binary;
using System.Diagnostics;
using Hnv.Lab.Fabric;
using Hnv.Lab.Running;

namespace Hnv.Scenarios.Story;

/// <summary>A running tcpdump. What it saw is read after it was stopped.</summary>
public sealed class Capture : IAsyncDisposable
{
    private const int FileHeader = 24;
    private const int RecordHeader = 16;

    /// <summary>A packet that has just been answered may still be on its way into the file.</summary>
    private static readonly TimeSpan s_settle = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly string _file;

    private Capture(Process process, string file) => (_process, _file) = (process, file);

    /// <summary>Starts it and waits until it listens.</summary>
    public static async Task<Capture> StartAsync(RunningLab lab, string place, string device, string filter)
    {
        string file = $"{lab.Names.Directory}/{Guid.NewGuid():N}.pcap";
        ProcessStartInfo start = lab.Command(place, ["tcpdump", "-Z", "root", "--immediate-mode", "-ni", device, "-U", "-s", "0", "-w", file, filter]);
        start.RedirectStandardError = true;
        Process process = Process.Start(start)!;
        string? line;
        do
        {
            line = await process.StandardError.ReadLineAsync().WaitAsync(s_patience);
            Assert.NotNull(line);
        }
        while (!line.Contains("listening on", StringComparison.Ordinal));

        return new Capture(process, file);
    }

    /// <summary>Stops it and reads the frames.</summary>
    public async Task<IReadOnlyList<byte[]>> StopAsync()
    {
        await Task.Delay(s_settle);
        await EndAsync();
        byte[] bytes = await File.ReadAllBytesAsync(_file);
        List<byte[]> frames = [];
        for (int at = FileHeader; at + RecordHeader <= bytes.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at + 8));
            frames.Add(bytes[(at + RecordHeader)..(at + RecordHeader + length)]);
            at += RecordHeader + length;
        }

        return frames;
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _process.Dispose();
    }

    private async Task EndAsync()
    {
        if (!_process.HasExited)
        {
            await Tool.TryRunAsync("sh", ["-c", $"kill -INT {_process.Id}"]);
            await _process.WaitForExitAsync();
        }
    }
}
