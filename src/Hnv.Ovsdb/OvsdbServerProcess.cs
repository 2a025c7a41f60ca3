using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Hnv.Ovsdb;

/// <summary>
/// The stock <c>ovsdb-server</c> as our supervised child: makes and converts its databases, restarts it when it ends, and takes over
/// the one that an earlier, killed parent left running.
/// </summary>
public sealed partial class OvsdbServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan s_startPatience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_endPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_restartDelayMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_restartDelayMax = TimeSpan.FromSeconds(5);

    // A server that has stayed this long is healthy again, and its next end is restarted at once.
    private static readonly TimeSpan s_healthyAfter = TimeSpan.FromSeconds(10);

    // Its default still takes older ones.
    private const string OldestProtocol = "--ssl-protocols=TLSv1.2";

    // sockaddr_un, without its terminating zero.
    private const int SocketPathBytesMax = 107;

    private readonly OvsdbServerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private Task _supervision = Task.CompletedTask;
    private volatile Process? _process;
    private DateTime[] _certificatesWritten = [];
    private bool _released;

    private OvsdbServerProcess(OvsdbServerOptions options, TimeProvider time, ILogger logger)
    {
        _options = options;
        _time = time;
        _logger = logger;
    }

    /// <summary>The server's process id; 0 while it is being restarted.</summary>
    public int ProcessId => _process?.Id ?? 0;

    /// <summary>Starts or takes over the server; returns when its socket answers.</summary>
    /// <exception cref="OvsdbException">It cannot be started; the message says why and what to do.</exception>
    public static async Task<OvsdbServerProcess> StartAsync(OvsdbServerOptions options, TimeProvider time, ILogger logger, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(options);
        OvsdbServerProcess server = new(options, time, logger);
        _ = OvsdbTools.Find("ovsdb-server");
        _ = OvsdbTools.Find("ovsdb-tool");
        if (Encoding.UTF8.GetByteCount(options.SocketPath) > SocketPathBytesMax)
        {
            throw new OvsdbException(
                $"The socket path {options.SocketPath} is longer than the {SocketPathBytesMax} bytes Linux takes. Choose a run directory with a shorter name.");
        }

        server._process = await server.AdoptOrSpawnAsync(cancellation);
        server._supervision = Task.Run(server.SuperviseAsync, CancellationToken.None);
        return server;
    }

    /// <summary>Lets go of the server without ending it, so that the next agent takes it over.</summary>
    public ValueTask ReleaseAsync()
    {
        _released = true;
        return DisposeAsync();
    }

    /// <summary>Ends supervision and the server.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _supervision;
        if (Interlocked.Exchange(ref _process, null) is Process process)
        {
            if (!_released)
            {
                await OvsdbTools.EndAsync(process, _options.ControlPath, s_endPatience);
            }

            process.Dispose();
        }
    }

    private async Task SuperviseAsync()
    {
        TimeSpan delay = s_restartDelayMin;
        while (!_stop.IsCancellationRequested)
        {
            if (_process is Process process)
            {
                long begin = _time.GetTimestamp();
                await EndOfAsync(process).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                if (_stop.IsCancellationRequested)
                {
                    return;
                }

                delay = _time.GetElapsedTime(begin) >= s_healthyAfter ? s_restartDelayMin : delay;
                Log.Ended(_logger, process.Id, delay);
                _process = null;
                process.Dispose();
            }

            await Task.Delay(delay, _time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, s_restartDelayMax.Ticks));
            try
            {
                _process = await AdoptOrSpawnAsync(_stop.Token);
            }
            catch (OvsdbException exception)
            {
                Log.RestartFailed(_logger, exception.Message);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Waits for the server's end, and meanwhile keeps its certificates up to date.</summary>
    private async Task EndOfAsync(Process process)
    {
        Task end = process.WaitForExitAsync(_stop.Token);
        while (_options.Tls is { } tls && await Task.WhenAny(end, Task.Delay(tls.RefreshInterval, _time, _stop.Token)) != end)
        {
            _stop.Token.ThrowIfCancellationRequested();
            try
            {
                await CopyCertificatesAsync(tls, _stop.Token);
            }
            catch (OvsdbException exception)
            {
                Log.RenewalFailed(_logger, exception.Message);
            }
        }

        await end;
    }

    /// <summary>Gives the server's user the certificates, when the originals are newer than what it has.</summary>
    private async Task CopyCertificatesAsync(OvsdbServerTls tls, CancellationToken cancellation)
    {
        // All of them, each time, and the key last: the server looks at the key's time first and at the certificate only when that
        // has changed. The other way round it could note the new key, find the old certificate, and never look again.
        (string From, string To)[] files = [(tls.ClientAuthorities, AuthoritiesPath), (tls.Certificate, CertificatePath), (tls.PrivateKey, KeyPath)];
        try
        {
            DateTime[] written = [.. files.Select(file => File.GetLastWriteTimeUtc(file.From))];
            if (_certificatesWritten.AsSpan().SequenceEqual(written))
            {
                return;
            }

            // Half a renewal is left alone until the other half is there.
            X509Certificate2.CreateFromPemFile(tls.Certificate, tls.PrivateKey).Dispose();

            Directory.CreateDirectory(_options.TlsDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            foreach ((string from, string to) in files)
            {
                // Made anew, never opened: whoever runs as that user may have put a link there.
                File.Delete($"{to}.new");
                await using FileStream copy = new($"{to}.new", new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                });
                await using FileStream original = File.OpenRead(from);
                await original.CopyToAsync(copy, cancellation);
            }

            if (Owner() is { } owner)
            {
                await OvsdbTools.RunAsync("chown", ["-hR", owner, _options.TlsDirectory], cancellation);
            }

            foreach ((string _, string to) in files)
            {
                File.Move($"{to}.new", to, overwrite: true);
            }

            _certificatesWritten = written;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw new OvsdbException($"The certificates of ovsdb-server cannot be made ready: {exception.Message}", exception);
        }
    }

    private string? Owner()
    {
        if (_options.User is not string user || !Environment.IsPrivilegedProcess)
        {
            return null;
        }

        (int uid, int gid) = OvsdbTools.FindUser(user);
        return string.Create(CultureInfo.InvariantCulture, $"{uid}:{gid}");
    }

    private async Task<Process> AdoptOrSpawnAsync(CancellationToken cancellation)
    {
        CreateDirectories();
        if (_options.Tls is { } tls)
        {
            await CopyCertificatesAsync(tls, cancellation);
        }

        List<(string Database, string Schema)> outdated = [];
        foreach (OvsdbDatabaseFile database in _options.Databases)
        {
            string schemaPath = Path.Combine(_options.RunDirectory, database.Name + ".ovsschema");
            await File.WriteAllTextAsync(schemaPath, database.Schema, cancellation);
            if (await OvsdbTools.CreateOrCompareAsync(DatabasePath(database), schemaPath, cancellation))
            {
                outdated.Add((DatabasePath(database), schemaPath));
            }
        }

        string[] arguments = Arguments();
        if (OvsdbTools.FindOrphan(_options.PidFile, out string[] running) is Process orphan)
        {
            if (outdated.Count == 0 && running.AsSpan().SequenceEqual(arguments) && OvsdbTools.SharesNetworkWithUs(orphan.Id)
                && await AnswersAsync(cancellation))
            {
                Log.Adopted(_logger, orphan.Id, _options.SocketPath);
                return orphan;
            }

            await OvsdbTools.EndAsync(orphan, _options.ControlPath, s_endPatience);
            orphan.Dispose();
        }

        foreach ((string path, string schema) in outdated)
        {
            await OvsdbTools.RunAsync("ovsdb-tool", ["convert", path, schema], cancellation);
            Log.Converted(_logger, path);
        }

        return await SpawnAsync(arguments, cancellation);
    }

    private void CreateDirectories()
    {
        try
        {
            Directory.CreateDirectory(_options.DataDirectory);
            Directory.CreateDirectory(_options.RunDirectory);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new OvsdbException(
                $"The directories {_options.DataDirectory} and {_options.RunDirectory} for the policy database cannot be made: {exception.Message} "
                + "Run as root, or configure directories that this user may write.",
                exception);
        }
    }

    private async Task<Process> SpawnAsync(string[] arguments, CancellationToken cancellation)
    {
        // setsid: a Ctrl-C on the parent's terminal is for the parent, which then ends the server in order.
        List<string> command = [];
        if (Owner() is { } owner)
        {
            await OvsdbTools.RunAsync("chown", ["-hR", owner, _options.DataDirectory, _options.RunDirectory], cancellation);
            string[] ids = owner.Split(':');
            command.AddRange([OvsdbTools.Find("setpriv"), $"--reuid={ids[0]}", $"--regid={ids[1]}", "--clear-groups", "--no-new-privs", "--"]);
        }

        command.Add(OvsdbTools.Find("ovsdb-server"));
        command.AddRange(arguments);
        Process process = Process.Start(new ProcessStartInfo(OvsdbTools.Find("setsid"), command) { RedirectStandardError = true })!;
        string lastWords = string.Empty;
        process.ErrorDataReceived += (_, line) => lastWords = line.Data is { Length: > 0 } text ? text : lastWords;
        process.BeginErrorReadLine();

        try
        {
            long begin = _time.GetTimestamp();
            while (!await AnswersAsync(cancellation))
            {
                if (process.HasExited || _time.GetElapsedTime(begin) > s_startPatience)
                {
                    string reason = process.HasExited ? $"it ended with code {process.ExitCode}" : $"it did not answer within {s_startPatience}";
                    throw new OvsdbException($"ovsdb-server could not be started on {_options.DataDirectory}: {reason}. {lastWords} See {_options.LogPath}.");
                }

                await Task.Delay(TimeSpan.FromMilliseconds(5), _time, cancellation);
            }
        }
        catch
        {
            process.Kill();
            process.Dispose();
            throw;
        }

        Log.Started(_logger, process.Id, _options.SocketPath);
        return process;
    }

    private async Task<bool> AnswersAsync(CancellationToken cancellation)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(s_endPatience);
        try
        {
            await using OvsdbClient client = await OvsdbClient.ConnectAsync(_options.Endpoint, patience.Token);
            await client.EchoAsync(patience.Token);
            return true;
        }
        catch (OvsdbException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    private string[] Arguments() =>
    [
        $"--remote=punix:{_options.SocketPath}",
        .. _options.Remotes.Select(remote => $"--remote={remote}"),
        $"--unixctl={_options.ControlPath}",
        $"--pidfile={_options.PidFile}",
        $"--log-file={_options.LogPath}",
        "--no-chdir",
        "-vconsole:off",
        .. _options.Tls is null ? Array.Empty<string>() : [$"--private-key={KeyPath}", $"--certificate={CertificatePath}", $"--ca-cert={AuthoritiesPath}", OldestProtocol],
        .. _options.Arguments,
        .. _options.Databases.Select(DatabasePath),
    ];

    private string KeyPath => Path.Combine(_options.TlsDirectory, "key.pem");

    private string CertificatePath => Path.Combine(_options.TlsDirectory, "cert.pem");

    private string AuthoritiesPath => Path.Combine(_options.TlsDirectory, "ca.pem");

    private string DatabasePath(OvsdbDatabaseFile database) => Path.Combine(_options.DataDirectory, database.Name + ".db");
}
