namespace Hnv.Lab.Running;

/// <summary>Where the built services are.</summary>
public static class Installation
{
    /// <summary>The assembly of a service.</summary>
    /// <param name="project">For example <c>Hnv.HostAgent</c>.</param>
    /// <exception cref="LabException">It has not been built.</exception>
    public static string Assembly(string project)
    {
        string? home = Environment.GetEnvironmentVariable("HNV_HOME") ?? FindHome(AppContext.BaseDirectory);
        string configuration = AppContext.BaseDirectory.Contains("/Debug/", StringComparison.Ordinal) ? "Debug" : "Release";
        string[] candidates =
        [
            Path.Combine(AppContext.BaseDirectory, $"{project}.dll"),
            Path.Combine(home ?? "", "src", project, "bin", configuration, "net10.0", $"{project}.dll"),
        ];

        // A program copied beside us lacks its own runtime configuration unless it was really installed there.
        return candidates.FirstOrDefault(path => File.Exists(path) && File.Exists(Path.ChangeExtension(path, ".runtimeconfig.json")))
            ?? throw new LabException($"{project} is not built. Run: dotnet build -c {configuration} (looked for {string.Join(" and ", candidates)})");
    }

    private static string? FindHome(string start)
    {
        DirectoryInfo? directory = new(start);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Hnv.slnx")))
        {
            directory = directory.Parent;
        }

        return directory?.FullName;
    }
}
