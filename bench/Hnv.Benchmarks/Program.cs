using System.Globalization;
using System.Runtime.InteropServices;
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
    void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        stop.Cancel();
    }

    // However it is ended, a thousand database servers must not stay behind.
    using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop), terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    await using var bench = new ControllerBench(new ControllerBenchRequest(Number(resources), Number(hosts), Number(seconds), results.FirstOrDefault(), assembly));
    await bench.RunAsync(stop.Token);
    return;
}

// In this process: a child project would have to restore packages again, and the questions here do not need one.
IConfig config = DefaultConfig.Instance.AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance));
_ = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
