using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;

namespace Hnv.Controller.Tests.Security;

/// <summary>
/// A stock MIT key distribution centre on loopback with a realm of its own, and this process as its client: the Kerberos library is
/// told by the environment, so one of these at a time.
/// </summary>
public sealed class Kdc : IAsyncLifetime
{
    public const string Realm = "OPENHNV.TEST";
    private const string Password = "pass";

    private static readonly string[] s_people = ["ana", "rita", "web", "stranger"];
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("hnv-t-kdc-");
    private readonly Dictionary<string, string> _environment = [];
    private Process? _server;

    public string Folder => _directory.FullName;

    public async Task InitializeAsync()
    {
        int port = FreePort();
        await File.WriteAllTextAsync(At("krb5.conf"), $$"""
            [libdefaults]
              default_realm = {{Realm}}
              dns_lookup_kdc = false
              dns_lookup_realm = false
              dns_canonicalize_hostname = false
              rdns = false
              clockskew = 2
              udp_preference_limit = 1
            [realms]
              {{Realm}} = {
                kdc = 127.0.0.1:{{port}}
              }
            [domain_realm]
              localhost = {{Realm}}
              127.0.0.1 = {{Realm}}
            """);
        await File.WriteAllTextAsync(At("kdc.conf"), $$"""
            [kdcdefaults]
              kdc_listen = ""
              kdc_tcp_listen = 127.0.0.1:{{port}}
            [realms]
              {{Realm}} = {
                database_name = {{At("principal")}}
                key_stash_file = {{At("stash")}}
                acl_file = {{At("kadm5.acl")}}
              }
            """);
        foreach ((string name, string value) in new[]
        {
            ("KRB5_CONFIG", At("krb5.conf")), ("KRB5_KDC_PROFILE", At("kdc.conf")), ("KRB5CCNAME", $"FILE:{At("cc")}"), ("KRB5RCACHENAME", $"file2:{At("replays")}"),
        })
        {
            _environment[name] = value;
            _ = SetEnvironment(name, value, 1);
        }

        await RunAsync("kdb5_util", ["create", "-s", "-r", Realm, "-P", "master"]);
        foreach (string person in s_people)
        {
            await RunAsync("kadmin.local", ["-q", $"addprinc -pw {Password} {person}"]);
        }

        _server = Process.Start(Start("krb5kdc", ["-n"]))!;
        _ = _server.StandardOutput.ReadToEndAsync();
        _ = _server.StandardError.ReadToEndAsync();
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(30));
        while (!await AnswersAsync(port))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), patience.Token);
        }
    }

    public async Task DisposeAsync()
    {
        if (_server is not null)
        {
            _server.Kill();
            await _server.WaitForExitAsync();
            _server.Dispose();
        }

        _directory.Delete(recursive: true);
    }

    public string At(string name) => Path.Combine(_directory.FullName, name);

    /// <summary>Services with new random keys in a new keytab. Tickets for older keys are worth nothing to its holder.</summary>
    public async Task<string> ServiceAsync(string file, params string[] names)
    {
        string keytab = At(file);
        foreach (string name in names)
        {
            await RunAsync("kadmin.local", ["-q", $"addprinc -randkey {name}"]);
            await RunAsync("kadmin.local", ["-q", $"ktadd -k {keytab} {name}"]);
        }

        return keytab;
    }

    /// <summary>Logs in; the tickets are this process's and those of the programs it runs.</summary>
    public Task LoginAsync(string name, string lifetime = "1h") => RunAsync("kinit", ["-l", lifetime, name], Password);

    /// <summary>Logs out.</summary>
    public void Logout() => File.Delete(At("cc"));

    /// <summary>Runs a program of this realm to its end.</summary>
    public async Task<(int Code, string Output, string Errors)> TryRunAsync(string program, IReadOnlyList<string> arguments, string? input = null)
    {
        using Process process = Process.Start(Start(program, arguments))!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        if (input is not null)
        {
            await process.StandardInput.WriteLineAsync(input);
            process.StandardInput.Close();
        }

        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync(patience.Token);
        return (process.ExitCode, await output, await errors);
    }

    private async Task RunAsync(string program, IReadOnlyList<string> arguments, string? input = null)
    {
        (int code, string output, string errors) = await TryRunAsync(program, arguments, input);
        Assert.True(code == 0, $"{program} {string.Join(' ', arguments)}: {output}{errors}");
    }

    private ProcessStartInfo Start(string program, IReadOnlyList<string> arguments)
    {
        // Services are not on everybody's PATH.
        string service = Path.Combine("/usr/sbin", program);
        ProcessStartInfo start = new(File.Exists(service) ? service : program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in _environment)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<bool> AnswersAsync(int port)
    {
        try
        {
            using TcpClient client = new();
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    // The runtime's own environment is a copy that the Kerberos library does not see.
    private static int SetEnvironment(string name, string value, int replace) =>
        SetEnvironment(Encoding.UTF8.GetBytes($"{name}\0"), Encoding.UTF8.GetBytes($"{value}\0"), replace);

#pragma warning disable SYSLIB1054 // What LibraryImport generates is unsafe code.
    [DllImport("libc", EntryPoint = "setenv")]
    private static extern int SetEnvironment(byte[] name, byte[] value, int replace);
#pragma warning restore SYSLIB1054
}
