using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Hnv.Ovsdb;

/// <summary>The command-line tools around the stock server, and the files they work on.</summary>
internal static class OvsdbTools
{
    private const string Missing =
        "It comes with Open vSwitch: on Debian and Ubuntu run 'apt-get install openvswitch-switch openvswitch-common'. "
        + "Its own services need not run.";

    /// <summary>The path of a program, also when PATH leaves out the system directories as it does for ordinary users.</summary>
    /// <exception cref="OvsdbException">It is not installed.</exception>
    public static string Find(string program)
    {
        IEnumerable<string> directories = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':').Concat(["/usr/sbin", "/usr/bin"]);
        return directories.Select(directory => Path.Combine(directory, program)).FirstOrDefault(File.Exists)
            ?? throw new OvsdbException($"{program} is not installed. {Missing}");
    }

    /// <summary>Runs a program to its end and returns what it printed.</summary>
    /// <exception cref="OvsdbException">It failed; the message carries its own words.</exception>
    public static async Task<string> RunAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        using Process process = Process.Start(new ProcessStartInfo(Find(program), arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellation);
        Task<string> error = process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        return process.ExitCode == 0
            ? await output
            : throw new OvsdbException($"'{program} {string.Join(' ', arguments)}' failed: {(await error).Trim()}");
    }

    /// <summary>Makes a database file that is absent; true when an existing one has another schema than wanted.</summary>
    public static async Task<bool> CreateOrCompareAsync(string databasePath, string schemaPath, CancellationToken cancellation)
    {
        if (!File.Exists(databasePath))
        {
            await RunAsync("ovsdb-tool", ["create", databasePath, schemaPath], cancellation);
            return false;
        }

        return (await RunAsync("ovsdb-tool", ["needs-conversion", databasePath, schemaPath], cancellation)).Trim() == "yes";
    }

    /// <summary>The numbers of a user and its group in the local user database.</summary>
    /// <exception cref="OvsdbException">There is no such user.</exception>
    public static (int User, int Group) FindUser(string name)
    {
        foreach (string line in File.ReadLines("/etc/passwd"))
        {
            string[] fields = line.Split(':');
            if (fields.Length > 3 && fields[0] == name)
            {
                return (int.Parse(fields[2], CultureInfo.InvariantCulture), int.Parse(fields[3], CultureInfo.InvariantCulture));
            }
        }

        throw new OvsdbException($"There is no user '{name}' to run ovsdb-server as. Create it ('useradd --system {name}') or configure another.");
    }

    /// <summary>The process of a pidfile when it still is a server started with exactly that pidfile; null otherwise.</summary>
    public static Process? FindOrphan(string pidFile, out string[] arguments)
    {
        arguments = [];
        try
        {
            int pid = int.Parse(File.ReadAllText(pidFile), CultureInfo.InvariantCulture);
            string[] commandLine = File.ReadAllText($"/proc/{pid}/cmdline").Split('\0', StringSplitOptions.RemoveEmptyEntries);
            bool ours = commandLine.Length > 1
                && Path.GetFileName(commandLine[0]) == "ovsdb-server"
                && commandLine.Contains($"--pidfile={pidFile}");
            arguments = ours ? commandLine[1..] : [];
            return ours ? Process.GetProcessById(pid) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException or OverflowException or ArgumentException)
        {
            // No file, no such process, or not one that we may look at: nobody to take over.
            return null;
        }
    }

    /// <summary>True when a process lives in our own network namespace, where its listeners are the ones we mean.</summary>
    public static bool SharesNetworkWithUs(int pid) =>
        new FileInfo($"/proc/{pid}/ns/net").LinkTarget == new FileInfo("/proc/self/ns/net").LinkTarget;

    /// <summary>Asks a server to leave through its control socket, waits, and ends it by force when it does not.</summary>
    public static async Task EndAsync(Process process, string controlPath, TimeSpan patience)
    {
        using CancellationTokenSource timeout = new(patience);
        try
        {
            await using OvsdbClient control = await OvsdbClient.ConnectAsync(OvsdbEndpoint.Unix(controlPath), timeout.Token);
            await control.CallAsync("exit", _ => { }, timeout.Token);
        }
        catch (Exception exception) when (exception is OvsdbException or OperationCanceledException)
        {
            // It may leave before it answers; if it did not understand at all, force follows below.
        }

        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            try
            {
                process.Kill();
                await process.WaitForExitAsync();
            }
            catch (Exception exception) when (exception is InvalidOperationException or Win32Exception)
            {
                // Gone between the two statements.
            }
        }
    }
}
