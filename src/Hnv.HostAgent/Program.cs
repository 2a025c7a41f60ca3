using System.Reflection;
using Hnv.HostAgent;
using Hnv.HostAgent.Configuration;

const string usage = """
    The OpenHNV host agent: keeps this host's policy database, compiles what is in it and runs the virtual switch.

    usage: hnv agent [--release] --config FILE

      --config FILE   JSON: hostId, name, uplinks, and optionally stateDirectory, runDirectory, compartment, workers, ovsdb, channel
      --release       do not run: end what the kernel goes on carrying when an agent has stopped; its ports are cut off
      --version       print the version and stop
      --help          this text

    example: hnv agent --config /etc/openhnv/agent.json
    """;

switch (args)
{
    case ["--help"] or ["-h"]:
        Console.WriteLine(usage);
        return 0;
    case ["--version"]:
        Console.WriteLine(Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion);
        return 0;
    case ["--config", string file]:
        return await RunAsync(file, AgentProcess.RunAsync);
    case ["--release", "--config", string file]:
        return await RunAsync(file, static options =>
        {
            AgentProcess.Release(options);
            return Task.CompletedTask;
        });
    default:
        Console.Error.WriteLine(args.Length == 0 ? "hnv agent: --config FILE is missing." : $"hnv agent: cannot make sense of '{string.Join(' ', args)}'.");
        Console.Error.WriteLine(usage);
        return 2;
}

static async Task<int> RunAsync(string file, Func<AgentOptions, Task> run)
{
    AgentOptions options;
    try
    {
        options = AgentConfiguration.Load(file);
    }
    catch (AgentConfigurationException error)
    {
        Console.Error.WriteLine($"hnv agent: {error.Message}");
        return 2;
    }

    try
    {
        await run(options);
        return 0;
    }
    catch (AgentStartException error)
    {
        Console.Error.WriteLine($"hnv agent: {error.Message}");
        return 1;
    }
}
