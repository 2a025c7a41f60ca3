using System.Diagnostics;

namespace Hnv.Cli.Tests;

/// <summary>The built command, run as a person runs it: what it prints and what it exits with.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public void Help_OfACommand_ShowsExamples()
    {
        (int code, string output, _) = Run("lab", "up", "--help");

        Assert.Equal(0, code);
        Assert.Contains("hnv lab up labs/figure8.yaml --nvgre", output, StringComparison.Ordinal);
    }

    [Fact]
    public void LabUp_BadFile_SaysFileLineAndReason()
    {
        string file = Path.GetTempFileName();
        File.WriteAllText(file, "lab: small\nhosts:\n  - {name: host1, subnet: pa-9, address: 192.168.1.2}\n");

        (int code, _, string error) = Run("lab", "up", file);

        File.Delete(file);
        Assert.Equal(1, code);
        Assert.Contains($"{file}:3: 'pa-9' is not a provider subnet", error, StringComparison.Ordinal);
    }

    [Fact]
    public void LabUp_FileThatIsNotThere_SaysSo()
    {
        (int code, _, string error) = Run("lab", "up", "labs/nowhere.yaml");

        Assert.Equal(1, code);
        Assert.Contains("labs/nowhere.yaml:1: cannot be read", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Get_NobodyAnswers_SaysWhatToDo()
    {
        (int code, _, string error) = Run("get", "virtualNetworks", "--controller", "unix:/nowhere/controller.sock");

        Assert.Equal(1, code);
        Assert.Contains("--controller", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Get_EndpointThatIsNone_SaysHowToWriteOne()
    {
        (int code, _, string error) = Run("get", "virtualNetworks", "--controller", "nonsense");

        Assert.Equal(1, code);
        Assert.Contains("unix:/path", error, StringComparison.Ordinal);
    }

    [Fact]
    public void LabExec_NoSuchLab_SaysHowToStartOne()
    {
        (int code, _, string error) = Run("lab", "exec", "--lab", "nosuchlab", "contoso-web", "--", "true");

        Assert.Equal(1, code);
        Assert.Contains("hnv lab up", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Completion_Bash_IsAScriptThatBashAccepts()
    {
        (int code, string output, _) = Run("completion", "bash");
        using Process bash = Process.Start(new ProcessStartInfo("bash", ["-n"]) { RedirectStandardInput = true })!;
        bash.StandardInput.Write(output);
        bash.StandardInput.Close();
        bash.WaitForExit();

        Assert.Equal(0, code);
        Assert.Equal(0, bash.ExitCode);
    }

    [Fact]
    public void Suggest_AfterLab_OffersItsCommands()
    {
        (_, string output, _) = Run("[suggest:4]", "lab ");

        Assert.Contains("down", output.Split('\n').Select(line => line.Trim()));
        Assert.Contains("exec", output.Split('\n').Select(line => line.Trim()));
    }

    internal static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "hnv.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("HNV_CONTROLLER");
        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
