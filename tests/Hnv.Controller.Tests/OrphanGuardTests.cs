using System.Diagnostics;
using Hnv.Controller.Store;
using Hnv.Ovsdb;
using Microsoft.Extensions.Logging.Abstractions;

namespace Hnv.Controller.Tests;

public sealed class OrphanGuardTests
{
    [Fact]
    public async Task PipeBroken_ServerLeftBehind_IsEndedAndItsFolderRemoved()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("hnv-t-guard-");
        var guard = new OrphanGuard(directory.FullName);
        var options = new OvsdbServerOptions
        {
            DataDirectory = Path.Combine(directory.FullName, "data"),
            RunDirectory = Path.Combine(directory.FullName, "run"),
            Databases = [OvsdbDocumentStore.Schema()],
            User = null,
        };
        OvsdbServerProcess server = await OvsdbServerProcess.StartAsync(options, TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        using var process = Process.GetProcessById(server.ProcessId);
        await server.ReleaseAsync();

        guard.Dispose();

        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(10)));
        Assert.False(Directory.Exists(directory.FullName));
    }
}
