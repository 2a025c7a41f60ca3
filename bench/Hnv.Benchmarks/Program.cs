using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Hnv.Benchmarks;

if (args is ["flows"])
{
    FlowScale.Run();
    return;
}

// In this process: a child project would have to restore packages again, and the questions here do not need one.
IConfig config = DefaultConfig.Instance.AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance));
_ = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args, config);
