using System.Diagnostics;

namespace Hnv.Controller.Tests;

/// <summary>
/// Cleans up behind a test process that is killed: a shell that waits for its end of a pipe to break, which it does however we end,
/// and then ends the processes whose pidfiles lie below a directory of the test's own, and removes it.
/// </summary>
internal sealed class OrphanGuard : IDisposable
{
    // The number in a pidfile may be somebody else's by now: only a process whose command line names the directory is ours.
    private const string Script = """
        cat >/dev/null
        for file in $(find "$1" -name "*.pid"); do
          pid=$(cat "$file")
          if { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF "$1/"; then kill "$pid"; kill -CONT "$pid"; fi
        done
        rm -rf "$1"
        """;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly Process _shell;

    public OrphanGuard(string directory) =>

        // setsid: what kills our process group must not kill the guard.
        _shell = Process.Start(new ProcessStartInfo("setsid", ["sh", "-c", Script, "guard", directory]) { RedirectStandardInput = true })!;

    /// <summary>Cleans up now.</summary>
    public void Dispose()
    {
        _shell.StandardInput.Close();
        Assert.True(_shell.WaitForExit(s_patience), "The guard did not come to an end.");
        _shell.Dispose();
    }
}
