using System.CommandLine;
using System.Globalization;
using Hnv.Client;
using Hnv.Client.Declarative;

namespace Hnv.Cli.Resources;

/// <summary><c>hnv apply</c>, <c>hnv diff</c> and <c>hnv delete -f</c>: resources as files say they are.</summary>
internal static class ApplyCommands
{
    private const int Differs = 2;
    private const int Failed = 1;

    /// <summary>Files that hold documents.</summary>
    public static Option<string[]> FilesOption(string description) => new("--file", "-f") { Description = description, HelpName = "PATH", AllowMultipleArgumentsPerToken = true };

    /// <summary>Goes on without asking.</summary>
    public static Option<bool> YesOption() => new("--yes", "-y") { Description = "Do not ask" };

    public static Command Apply()
    {
        Option<string[]> files = FilesOption("Files and folders of JSON or YAML documents; '-' reads standard input");
        Option<bool> prune = new("--prune") { Description = "Also delete what has the tag of --selector and is in no file" };
        Option<string?> selector = new("--selector", "-l") { Description = "The tag of --prune; every document must carry it", HelpName = "TAG=VALUE" };
        Option<bool> secrets = new("--send-secrets") { Description = "Send documents whose only difference may be a secret" };
        Option<bool> planOnly = new("--plan-only") { Description = "Show the plan and change nothing" };
        Option<bool> yes = YesOption();
        Option<double> timeout = TimeoutOption(300);
        return new Command("apply", "Make resources what files say they are; shows the plan first").With(files, prune, selector, secrets, planOnly, yes, timeout)
            .Example("hnv apply -f network/", "hnv apply -f network/ --prune --selector app=shop --yes", "hnv get virtualNetworks/contoso -o yaml > contoso.yaml && hnv apply -f contoso.yaml")
            .Does(async (parsed, cancellation) =>
            {
                using CancellationTokenSource patience = Patience(parsed.GetValue(timeout), cancellation);
                PruneScope? scope = Scope(parsed.GetValue(prune), parsed.GetValue(selector));
                IReadOnlyList<AskedResource> documents = DocumentFiles.Read(Required(parsed.GetValue(files), "hnv apply"));
                using ControllerClient controller = Endpoints.Controller(parsed);
                ApiSchema schema = await controller.GetSchemaAsync(patience.Token);
                ApplyPlanner planner = new(controller, schema) { Prune = scope, SendsSecrets = parsed.GetValue(secrets) };
                ApplyPlan plan = await planner.PlanAsync(documents, patience.Token);
                return await CarryOutAsync(parsed, controller, schema, plan, parsed.GetValue(planOnly), parsed.GetValue(yes), "apply", patience.Token);
            });
    }

    public static Command Diff()
    {
        Option<string[]> files = FilesOption("Files and folders of JSON or YAML documents; '-' reads standard input");
        return new Command("diff", "Show how resources differ from what files say; exits with 2 when they do").With(files)
            .Example("hnv diff -f network/", "hnv diff -f network/ -o json").Does(async (parsed, cancellation) =>
            {
                IReadOnlyList<AskedResource> documents = DocumentFiles.Read(Required(parsed.GetValue(files), "hnv diff"));
                using ControllerClient controller = Endpoints.Controller(parsed);
                ApiSchema schema = await controller.GetSchemaAsync(cancellation);
                ApplyPlan plan = await new ApplyPlanner(controller, schema).PlanAsync(documents, cancellation);
                int code = await CarryOutAsync(parsed, controller, schema, plan, isPlanOnly: true, isAgreed: true, "diff", cancellation);
                return code == 0 && !plan.IsEmpty ? Differs : code;
            });
    }

    /// <summary><c>hnv delete -f</c>.</summary>
    public static async Task<int> DeleteAsync(ParseResult parsed, string[] paths, bool isAgreed, CancellationToken cancellation)
    {
        IReadOnlyList<AskedResource> documents = DocumentFiles.Read(paths);
        using ControllerClient controller = Endpoints.Controller(parsed);
        ApiSchema schema = await controller.GetSchemaAsync(cancellation);
        ApplyPlan plan = await new ApplyPlanner(controller, schema).PlanRemovalAsync(documents, cancellation);
        return await CarryOutAsync(parsed, controller, schema, plan, isPlanOnly: false, isAgreed, "delete", cancellation);
    }

    /// <summary>An option for the longest time a command may take.</summary>
    public static Option<double> TimeoutOption(double seconds) => new("--timeout")
    {
        Description = "Give up after this many seconds",
        DefaultValueFactory = _ => seconds,
        HelpName = "SECONDS",
    };

    /// <summary>Ends when the time is up or somebody interrupts.</summary>
    public static CancellationTokenSource Patience(double seconds, CancellationToken cancellation)
    {
        const double SecondsMax = 86400;
        if (!(seconds is > 0 and <= SecondsMax))
        {
            throw new CommandException(string.Create(CultureInfo.InvariantCulture, $"--timeout {seconds}: give 1 to {SecondsMax} seconds."));
        }

        var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(TimeSpan.FromSeconds(seconds));
        return patience;
    }

    private static async Task<int> CarryOutAsync(
        ParseResult parsed, ControllerClient controller, ApiSchema schema, ApplyPlan plan, bool isPlanOnly, bool isAgreed, string verb, CancellationToken cancellation)
    {
        OutputFormat format = parsed.GetValue(CommandLine.OutputOption);
        bool isForPeople = format == OutputFormat.Table;
        if (plan.Faults.Count > 0)
        {
            return Refuse(plan, format);
        }

        if (isForPeople && verb == "delete" && plan.Steps.Count == 0)
        {
            Console.Out.WriteLine("Nothing to do: none of these is there.");
        }
        else if (isForPeople)
        {
            PlanView.Print(plan);
        }

        if (isPlanOnly || plan.IsEmpty)
        {
            if (!isForPeople)
            {
                Output.Document(PlanView.Json(plan, null), format);
            }

            return 0;
        }

        if (!isAgreed && !Agrees(verb))
        {
            Console.Error.WriteLine("hnv: nothing was changed.");
            return Failed;
        }

        ApplyOutcome outcome = await new ApplyRun(controller, schema).CarryOutAsync(plan, step =>
        {
            if (isForPeople)
            {
                PlanView.PrintDone(step);
            }
        }, cancellation);
        if (isForPeople)
        {
            PlanView.Print(outcome, Console.Error);
        }
        else
        {
            Output.Document(PlanView.Json(plan, outcome), format);
        }

        return outcome.IsComplete ? 0 : Failed;
    }

    private static int Refuse(ApplyPlan plan, OutputFormat format)
    {
        if (format != OutputFormat.Table)
        {
            Output.Document(PlanView.Json(plan, null), format);
        }

        foreach (Fault fault in plan.Faults)
        {
            Console.Error.WriteLine(Output.Clean(fault.ToString()));
        }

        Console.Error.WriteLine($"hnv: {(plan.Faults.Count == 1 ? "this has" : $"these {plan.Faults.Count} have")} to be put right; nothing was changed.");
        return Failed;
    }

    private static bool Agrees(string verb)
    {
        if (Console.IsInputRedirected)
        {
            throw new CommandException($"Nobody can be asked here, so nothing was changed. Add --yes to {verb} without asking, or --plan-only to look.");
        }

        Console.Out.Write($"{char.ToUpperInvariant(verb[0])}{verb[1..]} this? [y/N] ");
        return Console.In.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }

    private static string[] Required(string[]? paths, string command) =>
        paths is { Length: > 0 } ? paths : throw new CommandException($"Which files? {command} -f FILE or -f FOLDER; -f - reads standard input.");

    private static PruneScope? Scope(bool prunes, string? selector)
    {
        if (!prunes)
        {
            return selector is null ? null : throw new CommandException("--selector goes with --prune.");
        }

        return selector?.Split('=', 2) is [{ Length: > 0 } tag, { Length: > 0 } value]
            ? new PruneScope(tag, value)
            : throw new CommandException("--prune deletes what has a tag and is in no file. Say which: --selector TAG=VALUE, where the documents have tags: {TAG: VALUE}.");
    }
}
