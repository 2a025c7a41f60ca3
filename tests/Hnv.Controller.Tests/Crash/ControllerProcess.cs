using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Hnv.Controller.Tests.Crash;

/// <summary>A controller as users run it, a process of its own, that can be killed, hung and started again.</summary>
internal sealed class ControllerProcess(string directory) : IDisposable
{
    private Process? _process;

    public string Socket => Path.Combine(directory, "controller.sock");

    /// <summary>The store's server when it is this controller's own.</summary>
    public string StorePidFile => Path.Combine(directory, "ovsdb", "ovsdb-server.pid");

    /// <summary>Makes its state directory.</summary>
    /// <param name="endpoints">The servers of a shared store; none for one of its own.</param>
    /// <param name="key">The key that all controllers of one store have.</param>
    public void Configure(IEnumerable<string> endpoints, byte[] key)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllBytes(Path.Combine(directory, "secret.key"), key);
        File.WriteAllText(ConfigPath, new JsonObject
        {
            ["stateDirectory"] = directory,
            ["runDirectory"] = directory,
            ["listen"] = new JsonArray(),
            ["ovsdb"] = new JsonObject { ["user"] = null, ["endpoints"] = new JsonArray([.. endpoints.Select(text => JsonValue.Create(text))]) },
        }.ToJsonString());
    }

    public void Start()
    {
        // Appended to: the log of all lives is one.
        _process = Process.Start(new ProcessStartInfo(
            "sh", ["-c", "exec dotnet \"$0\" --config \"$1\" >>\"$2\" 2>&1", typeof(ControllerApp).Assembly.Location, ConfigPath, LogPath]))!;
        File.WriteAllText(Path.Combine(directory, "controller.pid"), _process.Id.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary><c>kill -9</c>.</summary>
    public void Kill()
    {
        _process!.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    /// <summary>Stops it where it stands, its connections open: a machine that hangs.</summary>
    public void Hang() => Signal("-STOP");

    /// <summary>Lets it go on as if no time had passed.</summary>
    public void Wake() => Signal("-CONT");

    /// <summary>What it said last.</summary>
    public string LogEnd => File.Exists(LogPath) ? string.Join('\n', File.ReadLines(LogPath).TakeLast(20)) : "";

    public void Dispose()
    {
        if (_process is not null)
        {
            Kill();
        }
    }

    private string ConfigPath => Path.Combine(directory, "config.json");

    private string LogPath => Path.Combine(directory, "log");

    private void Signal(string signal)
    {
        using Process kill = Process.Start("kill", [signal, _process!.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }
}
