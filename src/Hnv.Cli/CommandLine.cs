using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using Hnv.Client;
using Hnv.Lab;
using Hnv.Lab.Topology;

namespace Hnv.Cli;

/// <summary>How results are printed.</summary>
internal enum OutputFormat
{
    /// <summary>For people.</summary>
    Table,

    /// <summary>For programs.</summary>
    Json,

    /// <summary>For both.</summary>
    Yaml,
}

/// <summary>The options every command has, examples in help, and one place where failures become messages and exit codes.</summary>
internal static class CommandLine
{
    private const int Failed = 1;
    private const int Interrupted = 130;

    private static readonly Dictionary<Command, string[]> s_examples = [];

    public static Option<string?> ControllerOption { get; } = new("--controller")
    {
        Description = "The network controller: https://HOST:PORT, http://HOST:PORT or unix:/PATH. Default: HNV_CONTROLLER, the running lab's, /run/openhnv/controller.sock",
        Recursive = true,
        HelpName = "ENDPOINT",
    };

    public static Option<string?> AgentOption { get; } = new("--agent")
    {
        Description = "A host agent: https://HOST:PORT, http://HOST:PORT or unix:/PATH. Default: HNV_AGENT, the lab's --host, /run/openhnv/agent.sock",
        Recursive = true,
        HelpName = "ENDPOINT",
    };

    public static Option<string?> IdentityOption { get; } = new("--identity")
    {
        Description = "For https: the folder 'hnv pki client' or 'hnv pki controller' made. Default: HNV_IDENTITY",
        Recursive = true,
        HelpName = "DIR",
    };

    public static Option<string?> HostOption { get; } = new("--host") { Description = "A host of the running lab, by name", Recursive = true, HelpName = "NAME" };

    public static Option<string?> LabOption { get; } = new("--lab") { Description = "Which lab, when several are up", Recursive = true, HelpName = "NAME" };

    public static Option<OutputFormat> OutputOption { get; } = new("--output", "-o") { Description = "How to print", Recursive = true };

    /// <summary>Parses and runs. Every exception a user can cause or cure becomes one message without a stack trace.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        using CancellationTokenSource interrupted = new();
        Console.CancelKeyPress += (_, press) =>
        {
            press.Cancel = true;
            interrupted.Cancel();
        };
        using PosixSignal _ = PosixSignal.OnTerminate(interrupted.Cancel);
        try
        {
            ParseResult parsed = root.Parse(args);
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, interrupted.Token);
        }
        catch (TopologyException e)
        {
            return Fail(e.Message);
        }
        catch (Exception e) when (e is LabException or CommandException)
        {
            return Fail("hnv: " + e.Message);
        }
        catch (ApiException e)
        {
            return Fail(Explain(e));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return Fail("hnv: " + e.Message);
        }
        catch (OperationCanceledException)
        {
            Fail("hnv: interrupted");
            return Interrupted;
        }
    }

    /// <summary>Adds examples to a command's help.</summary>
    public static Command Example(this Command command, params string[] lines)
    {
        s_examples[command] = lines;
        return command;
    }

    /// <summary>Sets what a command does.</summary>
    public static Command Does(this Command command, Func<ParseResult, CancellationToken, Task<int>> action)
    {
        command.SetAction(action);
        return command;
    }

    /// <summary>Adds arguments and options.</summary>
    public static Command With(this Command command, params Symbol[] symbols)
    {
        foreach (Symbol symbol in symbols)
        {
            switch (symbol)
            {
                case Argument argument: command.Arguments.Add(argument); break;
                case Option option: command.Options.Add(option); break;
                case Command child: command.Subcommands.Add(child); break;
            }
        }

        return command;
    }

    private static string Explain(ApiException e) => e.Code == ApiException.UnreachableCode
        ? $"hnv: {e.Message}{Environment.NewLine}Name another with --controller or --agent, or start a lab: hnv lab up labs/figure8.yaml"
        : string.Join(
            Environment.NewLine,
            [$"hnv: {e.Code}: {e.Message}", .. (e.Error.Details ?? []).Where(detail => detail.Message != e.Message).Select(detail => $"     {detail.Code}: {detail.Message}")]);

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return Failed;
    }

    private sealed class HelpWithExamples(HelpAction inner) : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            int code = inner.Invoke(parseResult);
            if (s_examples.TryGetValue(parseResult.CommandResult.Command, out string[]? examples))
            {
                parseResult.InvocationConfiguration.Output.WriteLine("Examples:");
                foreach (string example in examples)
                {
                    parseResult.InvocationConfiguration.Output.WriteLine("  " + example);
                }
            }

            return code;
        }
    }
}

/// <summary>A command that cannot be carried out as it was typed; the message says what to type instead.</summary>
internal sealed class CommandException(string message) : Exception(message);
