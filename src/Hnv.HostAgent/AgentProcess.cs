using Hnv.Dataplane.Ebpf;
using Hnv.Dataplane.Userspace;
using Hnv.HostAgent.HostChannel;
using Hnv.HostAgent.Configuration;
using Hnv.HostAgent.Enforcement;
using Hnv.Linux;
using Hnv.Ovsdb;
using Hnv.Pki;
using Hnv.Southbound;
using Hnv.Vfp;
using Microsoft.Extensions.Logging.Console;

namespace Hnv.HostAgent;

/// <summary>Wires one host agent together, runs it until it is told to stop, and takes it apart.</summary>
internal static partial class AgentProcess
{
    private static long s_lastFaultLogged = -1000;

    /// <summary>Runs until SIGTERM or SIGINT.</summary>
    /// <exception cref="AgentStartException">It cannot run on this host.</exception>
    public static async Task RunAsync(AgentOptions options)
    {
        if (Environment.UserName != "root")
        {
            throw new AgentStartException($"must run as root (it is {Environment.UserName}): it opens packet sockets and makes network namespaces. Try sudo, or a systemd unit with CAP_NET_ADMIN, CAP_NET_RAW and CAP_SYS_ADMIN.");
        }

        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        ConfigureLogging(builder.Logging);
        PrepareDirectory(options.RunDirectory);
        PrepareDirectory(options.StateDirectory);
        using FileStream alone = LockRunDirectory(options.RunDirectory);
        File.Delete(options.ChannelSocket);
        _ = builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.ListenUnixSocket(options.ChannelSocket);
            kestrel.Limits.MaxRequestBodySize = 64 * 1024;
            kestrel.AddServerHeader = false;
        });
        _ = builder.WebHost.UseUrls();
        ChannelAccess access = OpenAccess(options);
        _ = builder.WebHost.ConfigureKestrel(kestrel => access.Listen(kestrel, options.Channel.Listen));

        using ILoggerFactory early = LoggerFactory.Create(ConfigureLogging);
        ILogger log = early.CreateLogger("Hnv.HostAgent");
        OvsdbServerOptions databaseOptions = DatabaseOptions(options);
        await using OvsdbServerProcess server = await StartDatabaseAsync(databaseOptions, early);
        await using HostPolicyDatabase database = HostPolicyDatabase.Open(
            databaseOptions.Endpoint, options.HostId.ToString("D"), ChannelEndpoints.Version, TimeProvider.System, early.CreateLogger<HostPolicyDatabase>());

        VSwitch vSwitch = new();
        PortTable? ports = null;
        using FastPath? fastPath = LoadFastPath(options, vSwitch, log);
        using UserspaceExecutor executor = new(vSwitch, new ExecutorOptions
        {
            FastPath = fastPath,
            Workers = options.Workers,
            PortLost = (port, reason) => ports!.Lost(port, reason),
            WorkerFault = exception => ReportFault(log, exception),
        });
        ports = new PortTable(vSwitch, executor);
        executor.Start();

        _ = builder.Services
            .AddSingleton(options)
            .AddSingleton(TimeProvider.System)
            .AddSingleton(database)
            .AddSingleton(vSwitch)
            .AddSingleton(executor)
            .AddSingleton(ports)
            .AddSingleton<ProviderNetwork>()
            .AddSingleton<EventHub>()
            .AddSingleton<PolicyLoop>()
            .AddSingleton<PortCommands>()
            .AddSingleton<ChannelEndpoints>()
            .AddSingleton<VfpEndpoints>()
            .AddSingleton<TraceEndpoints>()
            .AddSingleton<CaptureEndpoints>()
            .AddSingleton<ProbeEndpoints>()
            .AddSingleton<CounterLedger>()
            .AddHostedService(services => services.GetRequiredService<CounterLedger>())
            .AddHostedService(services => services.GetRequiredService<PolicyLoop>());

        await using WebApplication web = builder.Build();
        _ = web.Use(access.InvokeAsync);
        web.Services.GetRequiredService<ChannelEndpoints>().Map(web);
        web.Services.GetRequiredService<VfpEndpoints>().Map(web);
        web.Services.GetRequiredService<TraceEndpoints>().Map(web);
        web.Services.GetRequiredService<CaptureEndpoints>().Map(web);
        web.Services.GetRequiredService<ProbeEndpoints>().Map(web);
        web.Services.GetRequiredService<CounterLedger>().Map(web);
        await web.StartAsync();
        database.SetHostChannel(options.Channel.Listen);
        File.SetUnixFileMode(options.ChannelSocket, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        LogStarted(log, options.Name, options.HostId, string.Join(", ", options.Uplinks), options.ChannelSocket);
        await web.WaitForShutdownAsync();
        LogStopped(log, options.Name);
    }

    /// <summary>Ends what the kernel carries for this host while no agent runs.</summary>
    /// <exception cref="AgentStartException">An agent runs, or this process may not.</exception>
    public static void Release(AgentOptions options)
    {
        PrepareDirectory(options.RunDirectory);
        using FileStream alone = LockRunDirectory(options.RunDirectory);
        try
        {
            FastPath.Release(options.PinDirectory);
        }
        catch (LinuxException error)
        {
            throw new AgentStartException(error.Message, error);
        }
    }

    private static FastPath? LoadFastPath(AgentOptions options, VSwitch vSwitch, ILogger log)
    {
        if (options.Executor == "userspace")
        {
            Release(options, log);
            return null;
        }

        try
        {
            FastPath fastPath = FastPath.Load(vSwitch, new FastPathOptions { PinDirectory = options.PinDirectory });
            LogFastPath(log);
            return fastPath;
        }
        catch (LinuxException error)
        {
            LogNoFastPath(log, error.Message);
            Release(options, log);
            return null;
        }
    }

    /// <summary>Takes away what an earlier agent left in the kernel: this one carries everything itself.</summary>
    private static void Release(AgentOptions options, ILogger log)
    {
        try
        {
            FastPath.Release(options.PinDirectory);
        }
        catch (LinuxException error)
        {
            LogNotReleased(log, error.Message);
        }
    }

    private static void ConfigureLogging(ILoggingBuilder logging) => logging
        .ClearProviders()
        .AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "yyyy-MM-dd HH:mm:ss.fff ";
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        })
        .AddFilter("Microsoft", LogLevel.Warning);

    /// <summary>Logs at most one fault a second: a tenant may be able to cause as many as it likes.</summary>
    private static void ReportFault(ILogger log, Exception exception)
    {
        long now = Environment.TickCount64, last = Volatile.Read(ref s_lastFaultLogged);
        if (now - last >= 1000 && Interlocked.CompareExchange(ref s_lastFaultLogged, now, last) == last)
        {
            LogWorkerFault(log, exception);
        }
    }

    private static OvsdbServerOptions DatabaseOptions(AgentOptions options) => new()
    {
        DataDirectory = Path.Combine(options.StateDirectory, "database"),
        RunDirectory = Path.Combine(options.RunDirectory, "database"),
        Databases = HostSchemas.All,
        Remotes = options.Ovsdb.Listen,
        User = options.Ovsdb.User,
        Tls = options.Tls is { } tls ? new OvsdbServerTls(tls.PrivateKey, tls.Certificate, tls.ControllersAuthorities) : null,
    };

    private static ChannelAccess OpenAccess(AgentOptions options)
    {
        try
        {
            return ChannelAccess.Open(options.Tls, TimeProvider.System);
        }
        catch (PkiException error)
        {
            throw new AgentStartException(error.Message, error);
        }
    }

    private static async Task<OvsdbServerProcess> StartDatabaseAsync(OvsdbServerOptions server, ILoggerFactory loggers)
    {
        try
        {
            return await OvsdbServerProcess.StartAsync(server, TimeProvider.System, loggers.CreateLogger<OvsdbServerProcess>(), CancellationToken.None);
        }
        catch (OvsdbException error)
        {
            throw new AgentStartException(error.Message, error);
        }
    }

    /// <summary>Two agents on one database would fight over ports; the kernel lets go of the lock when the process ends, however it ends.</summary>
    private static FileStream LockRunDirectory(string path)
    {
        string file = Path.Combine(path, "agent.lock");
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error)
        {
            throw new AgentStartException($"another host agent runs with {path} (it holds {file}). Stop it first, or give this one a runDirectory of its own.", error);
        }
    }

    private static void PrepareDirectory(string path)
    {
        try
        {
            // Others may pass through: the database's own folder below belongs to its unprivileged user.
            _ = Directory.CreateDirectory(path, (UnixFileMode)0b111_101_101);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new AgentStartException($"cannot make directory {path}: {error.Message} Name another in the configuration file.", error);
        }
    }

    [LoggerMessage(3100, LogLevel.Information, "Host agent {Name} ({HostId}) runs: uplinks {Uplinks}, host channel at {Socket}")]
    private static partial void LogStarted(ILogger logger, string name, Guid hostId, string uplinks, string socket);

    [LoggerMessage(3103, LogLevel.Information, "Packets are carried by eBPF programs in the kernel")]
    private static partial void LogFastPath(ILogger logger);

    [LoggerMessage(3104, LogLevel.Warning, "Packets are carried by this process, not by eBPF programs: {Reason}")]
    private static partial void LogNoFastPath(ILogger logger, string reason);

    [LoggerMessage(3105, LogLevel.Warning, "What an earlier agent left in the kernel could not be taken away: {Reason}")]
    private static partial void LogNotReleased(ILogger logger, string reason);

    [LoggerMessage(3102, LogLevel.Error, "Packets could not be handled because of a bug; their batch was dropped (at most one line a second)")]
    private static partial void LogWorkerFault(ILogger logger, Exception exception);

    [LoggerMessage(3101, LogLevel.Information, "Host agent {Name} stopped; the policy database keeps everything")]
    private static partial void LogStopped(ILogger logger, string name);
}
