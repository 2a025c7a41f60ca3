using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Hnv.Benchmarks;
using Hnv.Benchmarks.Controller;

if (args is ["flows"])
{
    FlowScale.Run();
    return;
}

if (args is ["controller", var resources, var hosts, var seconds, var assembly, .. var results])
{
    static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
    using var stop = new CancellationTokenSource();
    Console.CancelKeyPress += (_, pressed) =>
    {
        pressed.Cancel = true;
        stop.Cancel();
    };
    await using var bench = new ControllerBench(new ControllerBenchRequest(Number(resources), Number(hosts), Number(seconds), results.FirstOrDefault(), assembly));
    await bench.RunAsync(stop.Token);
    return;
}

// In this process: a child project would have to restore packages again, and the questions here do not need one.
IConfig config = DefaultConfig.Instance.AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance));
_ = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
