using Hnv.Corpus.Hostile;
using Xunit.Abstractions;

namespace Hnv.Switch.Tests;

/// <summary>
/// Mutated frames through parse, guards, slow path, answers and edits, both ways. <c>HNV_LONG=1</c> sends ten million. A frame that does harm goes to
/// <c>Corpus/</c> as a line of hex and is replayed for ever.
/// </summary>
public sealed class HostileTests(ITestOutputHelper output)
{
    private const int WarmUp = 300_000;
    private const int Frames = 1_000_000;
    private const int FramesOfALongRun = 10_000_000;
    private const long BytesPerFrameMax = 1024;
    private const long GrowthMax = 8 * 1024 * 1024;

    public static TheoryData<string> HarmfulOnce =>
        [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Corpus"), "*.hex").Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];

    [Fact]
    public void AnyFrame_ThroughTheWholeSwitch_NeitherThrowsNorLeavesItsMemoryNorGrows()
    {
        int frames = Environment.GetEnvironmentVariable("HNV_LONG") == "1" ? FramesOfALongRun : Frames;
        using HostileRun run = new(seed: 5001);
        run.Send(WarmUp);
        long before = GC.GetTotalMemory(forceFullCollection: true);
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        long started = Environment.TickCount64;

        Exception? thrown = Record.Exception(() => run.Send(frames));

        Assert.True(thrown is null, $"{run.LastFrame}\n{thrown}");
        long perFrame = (GC.GetAllocatedBytesForCurrentThread() - allocated) / frames;
        long growth = GC.GetTotalMemory(forceFullCollection: true) - before;
        output.WriteLine($"{frames} frames in {Environment.TickCount64 - started} ms, {run.Parsed} parsed, {run.Answered} answered, {run.Translated} translated, {perFrame} bytes allocated for each, {growth} bytes more alive");
        Assert.InRange(perFrame, 0, BytesPerFrameMax);
        Assert.InRange(growth, long.MinValue, GrowthMax);
        Assert.InRange(run.Parsed, frames / 3, frames + WarmUp);
        Assert.InRange(run.Answered, frames / 100, frames);
        Assert.InRange(run.Translated, frames / 100, frames);
        GC.KeepAlive(run);
    }

    [Theory]
    [MemberData(nameof(HarmfulOnce))]
    public void Frame_ThatDidHarmOnce_DoesNone(string file)
    {
        using HostileRun run = new(seed: 1);

        foreach (string line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Corpus", file)).Where(line => line.Length > 0 && line[0] != '#'))
        {
            run.Replay(Convert.FromHexString(line));
        }
    }
}
