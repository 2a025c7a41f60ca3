using System.Globalization;
using System.Text;

namespace Hnv.Lab.Fabric;

/// <summary>A process that cannot be mistaken for a later one with the same number.</summary>
/// <param name="Name">What it is, for people.</param>
/// <param name="Pid">Process id.</param>
/// <param name="StartTime">Clock ticks between boot and its start (proc(5), stat field 22).</param>
public sealed record ProcessIdentity(string Name, int Pid, ulong StartTime);

/// <summary>Finds and ends the processes of a lab, by three independent marks: see <see cref="OfLabAsync"/>.</summary>
internal static class ProcessTable
{
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(3);

    /// <summary>The identity of a running process; null when there is none.</summary>
    public static ProcessIdentity? Find(int pid, string name)
    {
        try
        {
            // The name in parentheses may hold spaces and parentheses of its own: count from the last one.
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : new ProcessIdentity(name, pid, ulong.Parse(fields[19], CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>True while exactly this process runs.</summary>
    public static bool IsRunning(ProcessIdentity process) => Find(process.Pid, process.Name)?.StartTime == process.StartTime;

    /// <summary>
    /// Every process that is the lab's: recorded and still the same one; or carrying the lab's marker in its environment, which
    /// children inherit; or living in one of its network namespaces, which only the lab made.
    /// </summary>
    /// <param name="lab">Name of the lab; null for every lab.</param>
    /// <param name="recorded">From the state file.</param>
    /// <param name="namespaces">Names of the lab's namespaces.</param>
    public static async Task<IReadOnlyList<ProcessIdentity>> OfLabAsync(
        string? lab,
        IEnumerable<ProcessIdentity> recorded,
        IReadOnlyCollection<string> namespaces)
    {
        HashSet<string> inodes = await InodesAsync(namespaces);
        byte[] marker = Encoding.UTF8.GetBytes($"{LabNames.Marker}={lab}");
        Dictionary<int, ProcessIdentity> found = recorded.Where(IsRunning).ToDictionary(process => process.Pid);
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                || pid == Environment.ProcessId
                || found.ContainsKey(pid))
            {
                continue;
            }

            if ((InNamespace(directory, inodes) || Carries(directory, marker, exact: lab is not null)) && Find(pid, Command(directory)) is { } process)
            {
                found.Add(pid, process);
            }
        }

        return [.. found.Values];
    }

    /// <summary>Asks them to end, waits a little, then ends them.</summary>
    public static async Task EndAsync(IReadOnlyList<ProcessIdentity> processes)
    {
        await SignalAsync("TERM", processes);
        for (DateTime deadline = DateTime.UtcNow + s_grace; DateTime.UtcNow < deadline; await Task.Delay(20))
        {
            if (!processes.Any(IsRunning))
            {
                return;
            }
        }

        await SignalAsync("KILL", processes);
        for (DateTime deadline = DateTime.UtcNow + s_grace; DateTime.UtcNow < deadline && processes.Any(IsRunning); await Task.Delay(10))
        {
        }
    }

    /// <summary>Sends a signal to those that still run.</summary>
    public static async Task SignalAsync(string signal, IEnumerable<ProcessIdentity> processes)
    {
        string[] pids = [.. processes.Where(IsRunning).Select(process => process.Pid.ToString(CultureInfo.InvariantCulture))];
        if (pids.Length > 0)
        {
            // The shell's own kill is everywhere. That one of them has just ended is no failure.
            await Tool.TryRunAsync("sh", ["-c", "kill -s \"$@\" 2>/dev/null", "sh", signal, .. pids]);
        }
    }

    private static async Task<HashSet<string>> InodesAsync(IReadOnlyCollection<string> namespaces)
    {
        if (namespaces.Count == 0)
        {
            return [];
        }

        ToolResult result = await Tool.TryRunAsync("stat", ["-L", "-c", "net:[%i]", .. namespaces.Select(name => $"{LabNames.NamespaceDirectory}/{name}")]);
        return [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)];
    }

    private static bool InNamespace(string directory, HashSet<string> inodes)
    {
        try
        {
            return inodes.Count > 0 && new FileInfo($"{directory}/ns/net").LinkTarget is { } target && inodes.Contains(target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static bool Carries(string directory, byte[] marker, bool exact)
    {
        try
        {
            ReadOnlySpan<byte> environment = File.ReadAllBytes($"{directory}/environ");
            foreach (Range range in environment.Split((byte)0))
            {
                ReadOnlySpan<byte> entry = environment[range];
                if (exact ? entry.SequenceEqual(marker) : entry.StartsWith(marker))
                {
                    return true;
                }
            }

            return false;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static string Command(string directory)
    {
        try
        {
            return File.ReadAllText($"{directory}/comm").Trim();
        }
        catch (IOException)
        {
            return "?";
        }
    }
}
