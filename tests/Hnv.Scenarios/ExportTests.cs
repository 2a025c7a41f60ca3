using System.Diagnostics;
using Hnv.Scenarios.Story;

namespace Hnv.Scenarios;

public sealed class Export() : LabFixture("labs/figure8.yaml");

/// <summary>A whole datacenter as files: taken from one controller's API, removed, and made again from the files alone.</summary>
public sealed class ExportTests(Export story) : IClassFixture<Export>
{
    private const string Sql = "10.1.1.11";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly string[] s_types =
        ["virtualNetworkManager", "macPools", "credentials", "logicalNetworks", "servers", "accessControlLists", "routeTables", "virtualNetworks", "networkInterfaces"];

    [Fact]
    public async Task Figure8_ExportedRemovedAndAppliedAgain_ConnectsAsBefore()
    {
        string folder = Directory.CreateTempSubdirectory("hnv-export-").FullName;
        foreach (string type in s_types)
        {
            await File.WriteAllTextAsync(Path.Combine(folder, type + ".yaml"), await OutputOfAsync("get", type, "-o", "yaml"));
        }

        // What the controller never shows has to be added by whoever knows it.
        string credentials = Path.Combine(folder, "credentials.yaml");
        await File.WriteAllTextAsync(credentials, (await File.ReadAllTextAsync(credentials)).Replace("value: ''", "value: s3cret", StringComparison.Ordinal).Replace("value: \"\"", "value: s3cret", StringComparison.Ordinal));

        Assert.True(await story.PingsAsync("contoso-web", Sql));
        Assert.Contains("Nothing to do", await OutputOfAsync("apply", "-f", folder), StringComparison.Ordinal);

        Assert.Contains("to delete", await OutputOfAsync("delete", "-f", folder, "--yes"), StringComparison.Ordinal);
        Assert.Contains("There are no networkInterfaces", await OutputOfAsync("get", "nic"), StringComparison.Ordinal);
        Assert.Contains("There are no servers", await OutputOfAsync("get", "host"), StringComparison.Ordinal);
        Assert.False(await story.PingsAsync("contoso-web", Sql, attempts: 1));

        Assert.Contains("to create", await OutputOfAsync("apply", "-f", folder, "--yes"), StringComparison.Ordinal);
        await OutputOfAsync("wait", "nic", "contoso-web-nic0", "contoso-sql-nic0", "--for", "enforced", "--timeout", "30");

        // The provider network's router may believe in the old MAC of a provider address for some seconds.
        Assert.NotNull(await LabFixture.WithinAsync(s_patience, () => story.PingsAsync("contoso-web", Sql, attempts: 1)));
        Assert.NotNull(await LabFixture.WithinAsync(s_patience, () => story.PingsAsync("fabrikam-web", Sql, attempts: 1)));
        Assert.Contains("Nothing to do", await OutputOfAsync("apply", "-f", folder), StringComparison.Ordinal);
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>What the command prints; it must succeed.</summary>
    private async Task<string> OutputOfAsync(params string[] arguments)
    {
        string built = AppContext.BaseDirectory.Replace("tests/Hnv.Scenarios", "src/Hnv.Cli", StringComparison.Ordinal);
        ProcessStartInfo start = new("dotnet", [Path.Combine(built, "hnv.dll"), .. arguments, "--lab", story.Lab.State.Name])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"hnv {string.Join(' ', arguments)}: {await error}\n{output}");
        return output;
    }
}
