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

    [Theory]
    [InlineData(1, "Which files?", "apply")]
    [InlineData(1, "no such file or folder", "apply", "-f", "nowhere")]
    [InlineData(1, "--selector TAG=VALUE", "apply", "-f", "x.yaml", "--prune")]
    [InlineData(1, "say provisioned, enforced, deleted", "wait", "nic/a", "--for", "nonsense")]
    [InlineData(1, "not both", "delete", "nic/a", "-f", "x.yaml")]
    [InlineData(1, "hnv delete -f", "delete")]
    public void Commands_TypedWrong_SayWhatToType(int code, string message, params string[] arguments)
    {
        (int exit, _, string error) = Run([.. arguments, "--controller", "unix:/nowhere/controller.sock"]);

        Assert.Equal(code, exit);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Suggest_NobodyAnswers_OffersTypesAndIsQuick()
    {
        var clock = Stopwatch.StartNew();
        (int code, string output, string error) = Run("[suggest:7]", "get nic --controller http://10.255.255.1:1");
        (_, string names, _) = Run("[suggest:8]", "get nic/ --controller http://10.255.255.1:1");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("nic", output.Split('\n').Select(line => line.Trim()));
        Assert.DoesNotContain("nic/", names, StringComparison.Ordinal);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20));
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
