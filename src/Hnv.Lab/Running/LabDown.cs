using Hnv.Lab.Fabric;

namespace Hnv.Lab.Running;

/// <summary>What a clean-up removed.</summary>
/// <param name="Labs">Names of the labs.</param>
/// <param name="ProcessCount">Processes ended.</param>
/// <param name="NamespaceCount">Network namespaces removed.</param>
public sealed record LabRemoval(IReadOnlyList<string> Labs, int ProcessCount, int NamespaceCount);

/// <summary>
/// Removes labs whole, and nothing else: also after a crash, a kill -9 in the middle of coming up, or with the state file gone.
/// Absent is success.
/// </summary>
public static class LabDown
{
    private const string RootPrefix = "hnv-";

    /// <summary>Removes one lab, or all of them.</summary>
    /// <param name="lab">Its name; null for every lab on this machine.</param>
    /// <exception cref="LabException">No privileges, or something will not go.</exception>
    public static async Task<LabRemoval> RunAsync(string? lab)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            throw new LabException("Removing a lab needs root. Run it with sudo.");
        }

        string[] labs = lab is null ? [.. LabState.All().Union(Namespaces(null).Select(LabOf)).Order(StringComparer.Ordinal)] : [lab];
        ProcessIdentity[] recorded = [.. labs.SelectMany(name => LabState.TryLoad(name)?.Processes ?? [])];
        int processCount = 0, namespaceCount = 0;

        // Two passes: a process that was just being made when the first one looked is there for the second.
        for (int pass = 0; pass < 2; pass++)
        {
            IReadOnlyList<string> namespaces = Namespaces(lab);
            IReadOnlyList<ProcessIdentity> processes = await ProcessTable.OfLabAsync(lab, recorded, namespaces);
            await ProcessTable.EndAsync(processes);
            processCount += processes.Count;
            namespaces = Namespaces(lab);
            await RemoveNamespacesAsync(namespaces);
            namespaceCount += namespaces.Count;
        }

        foreach (string name in labs)
        {
            await RemoveDirectoryAsync(new LabNames(name).Directory);
        }

        if (Directory.Exists(LabNames.Root) && !Directory.EnumerateFileSystemEntries(LabNames.Root).Any())
        {
            Directory.Delete(LabNames.Root);
        }

        return new LabRemoval(labs, processCount, namespaceCount);
    }

    /// <summary>Names of the namespaces of a lab, or of all labs.</summary>
    internal static IReadOnlyList<string> Namespaces(string? lab)
    {
        string prefix = lab is null ? RootPrefix : new LabNames(lab).Prefix;
        return Directory.Exists(LabNames.NamespaceDirectory)
            ? [.. Directory.EnumerateFiles(LabNames.NamespaceDirectory, prefix + "*").Select(path => Path.GetFileName(path)!)
                .Where(name => !name.StartsWith(LabNames.TestPrefix, StringComparison.Ordinal) && name.IndexOf('-', RootPrefix.Length) > 0)]
            : [];
    }

    private static string LabOf(string inNamespace) => inNamespace[RootPrefix.Length..inNamespace.IndexOf('-', RootPrefix.Length)];

    private static async Task RemoveNamespacesAsync(IReadOnlyList<string> namespaces)
    {
        if (namespaces.Count == 0)
        {
            return;
        }

        // -force: one that went by itself meanwhile must not keep the others.
        ToolResult result = await Tool.TryRunAsync("ip", ["-force", "-batch", "-"], string.Concat(namespaces.Select(name => $"netns delete {name}\n")));
        string[] left = [.. namespaces.Where(name => File.Exists($"{LabNames.NamespaceDirectory}/{name}"))];
        if (left.Length > 0)
        {
            throw new LabException($"These namespaces will not go: {string.Join(", ", left)}. {result.Error.Trim()}");
        }
    }

    private static async Task RemoveDirectoryAsync(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return;
        }

        // A mount below would make the removal reach into something else, or fail. The deepest go first.
        IEnumerable<string> mounts = File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4])
            .Where(point => point.StartsWith(directory + "/", StringComparison.Ordinal)).OrderByDescending(point => point.Length);
        foreach (string mount in mounts.ToArray())
        {
            await Tool.RunAsync("umount", ["-l", mount]);
        }

        Directory.Delete(directory, recursive: true);
    }
}
