using System.Xml.Linq;

namespace Hnv.Architecture.Tests;

/// <summary>Who may look at whom (ARCHITECTURE.md, "Rooms"). A room that wants to see more changes this table and says why in its review.</summary>
public sealed class RoomTests
{
    private static readonly Dictionary<string, string[]> s_allowed = new(StringComparer.Ordinal)
    {
        ["Hnv.Primitives"] = [],
        ["Hnv.Wire"] = ["Hnv.Primitives"],
        ["Hnv.Policy"] = ["Hnv.Primitives"],
        ["Hnv.Vfp"] = ["Hnv.Primitives", "Hnv.Wire"],
        ["Hnv.Compiler"] = ["Hnv.Primitives", "Hnv.Policy", "Hnv.Vfp"],
        ["Hnv.Linux"] = ["Hnv.Primitives"],
        ["Hnv.Dataplane"] = ["Hnv.Primitives", "Hnv.Wire", "Hnv.Vfp", "Hnv.Linux"],
        ["Hnv.Ovsdb"] = [],
        ["Hnv.Pki"] = [],
        ["Hnv.Reconcile"] = [],
        ["Hnv.Southbound"] = ["Hnv.Primitives", "Hnv.Policy", "Hnv.Ovsdb", "Hnv.Reconcile"],
        ["Hnv.Contracts"] = [],
        ["Hnv.Client"] = ["Hnv.Contracts", "Hnv.Pki"],
        ["Hnv.Lab"] = ["Hnv.Primitives", "Hnv.Client", "Hnv.Contracts", "Hnv.Pki"],
        ["Hnv.Cli"] = ["Hnv.Client", "Hnv.Contracts", "Hnv.Lab", "Hnv.Pki"],
        ["Hnv.Controller"] = ["Hnv.Primitives", "Hnv.Client", "Hnv.Contracts", "Hnv.Policy", "Hnv.Ovsdb", "Hnv.Reconcile", "Hnv.Southbound", "Hnv.Pki"],
        ["Hnv.HostAgent"] =
        [
            "Hnv.Primitives", "Hnv.Contracts", "Hnv.Policy", "Hnv.Compiler", "Hnv.Wire", "Hnv.Vfp", "Hnv.Linux", "Hnv.Dataplane",
            "Hnv.Ovsdb", "Hnv.Reconcile", "Hnv.Southbound", "Hnv.Pki",
        ],
    };

    public static TheoryData<string> Rooms => [.. Directory.EnumerateDirectories(Path.Combine(RepositoryFiles.Root, "src")).Select(folder => Path.GetFileName(folder)!).Order()];

    [Theory]
    [MemberData(nameof(Rooms))]
    public void Room_LooksOnlyWhereItMay(string room)
    {
        Assert.True(s_allowed.TryGetValue(room, out string[]? allowed), $"{room} is not in the table of rooms.");

        IEnumerable<string> seen = XDocument.Parse(RepositoryFiles.Read($"src/{room}/{room}.csproj"))
            .Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value));

        Assert.Empty(seen.Except(allowed!));
    }

    [Theory]
    [MemberData(nameof(Rooms))]
    public void Room_UnsafeCode_OnlyInLinux(string room)
    {
        bool unsafeAllowed = XDocument.Parse(RepositoryFiles.Read($"src/{room}/{room}.csproj")).Descendants("AllowUnsafeBlocks").Any(element => element.Value == "true");

        Assert.Equal(room == "Hnv.Linux", unsafeAllowed);
    }

    [Theory]
    [InlineData("src/Hnv.Wire")]
    [InlineData("src/Hnv.Vfp")]
    [InlineData("src/Hnv.Compiler")]
    [InlineData("src/Hnv.Policy")]
    [InlineData("src/Hnv.Reconcile")]
    public void PureRoom_DoesNoInputOutputAndReadsNoClock(string room)
    {
        string[] forbidden = ["System.IO", "System.Net.Sockets", "DateTime.Now", "DateTime.UtcNow", "Stopwatch", "Environment.TickCount64", "new Thread(", "Task.Run("];

        var found = RepositoryFiles.Sources(room)
            .SelectMany(file => CodeLines(file).SelectMany(line => forbidden.Where(word => line.Contains(word, StringComparison.Ordinal)).Select(word => $"{file}: {word}")))
            .ToList();

        Assert.Empty(found);
    }

    private static IEnumerable<string> CodeLines(string file) =>
        RepositoryFiles.Read(file).Split('\n').Where(line => !line.TrimStart().StartsWith("//", StringComparison.Ordinal));
}
