using System.ComponentModel;
using System.Diagnostics;

namespace Hnv.Lab.Fabric;

/// <summary>What a program said.</summary>
/// <param name="ExitCode">0 is success by custom.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
public sealed record ToolResult(int ExitCode, string Output, string Error);

/// <summary>Runs the programs the lab is made with: ip, bridge, nsenter, sh.</summary>
public static class Tool
{
    /// <summary>Where administrators' programs are, which a plain user's PATH may lack.</summary>
    private static readonly string s_path = (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin") + ":/usr/sbin:/sbin";

    private static readonly AsyncLocal<string?> s_lab = new();

    /// <summary>
    /// The lab that programs are being run for. They carry its marker, so that a clean-up also finds what a killed
    /// <c>hnv lab up</c> had just begun.
    /// </summary>
    public static string? Lab
    {
        get => s_lab.Value;
        set => s_lab.Value = value;
    }

    /// <summary>Runs a program to its end.</summary>
    /// <param name="program">Name or path.</param>
    /// <param name="arguments">Each one as the program gets it; no shell is between.</param>
    /// <param name="input">Standard input; null is an empty one.</param>
    /// <param name="cancellation">Kills the program and what it started.</param>
    /// <exception cref="LabException">The program is not there.</exception>
    public static async Task<ToolResult> TryRunAsync(
        string program,
        IEnumerable<string> arguments,
        string? input = null,
        CancellationToken cancellation = default)
    {
        ProcessStartInfo start = StartInfo(program, arguments);
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        using Process process = Start(start);
        try
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync(cancellation);
            Task<string> error = process.StandardError.ReadToEndAsync(cancellation);
            try
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), cancellation);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It ended without reading everything; its exit code and error text say why.
            }

            await process.WaitForExitAsync(cancellation);
            return new ToolResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    /// <summary>Runs a program that has to succeed.</summary>
    /// <returns>Its standard output.</returns>
    /// <exception cref="LabException">It did not; the message is what it said.</exception>
    public static async Task<string> RunAsync(
        string program,
        IEnumerable<string> arguments,
        string? input = null,
        CancellationToken cancellation = default)
    {
        string[] all = [.. arguments];
        ToolResult result = await TryRunAsync(program, all, input, cancellation);
        if (result.ExitCode != 0)
        {
            throw new LabException($"{program} {string.Join(' ', all)} failed ({result.ExitCode}): {Explain(result.Error, input)}");
        }

        return result.Output;
    }

    /// <summary>True when the program can be found.</summary>
    public static bool Exists(string program) =>
        s_path.Split(':', StringSplitOptions.RemoveEmptyEntries).Any(directory => File.Exists(Path.Combine(directory, program)));

    internal static ProcessStartInfo StartInfo(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments) { UseShellExecute = false };
        start.Environment["PATH"] = s_path;
        if (s_lab.Value is { } lab)
        {
            start.Environment[LabNames.Marker] = lab;
        }

        return start;
    }

    internal static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new LabException($"{start.FileName} cannot be started ({e.Message}). Run eng/install.sh, which installs what is missing.", e);
        }
    }

    /// <summary>ip names the line of a batch that failed; people want to see what stands there.</summary>
    private static string Explain(string error, string? input)
    {
        const string Marker = "Command failed -:";
        int at = error.IndexOf(Marker, StringComparison.Ordinal);
        string text = error.Trim();
        return at >= 0 && input is not null && int.TryParse(error[(at + Marker.Length)..].Split('\n')[0], out int line) && input.Split('\n').Length >= line
            ? $"{text} ({input.Split('\n')[line - 1]})"
            : text;
    }
}
