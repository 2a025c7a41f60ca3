using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Client.Declarative;
using Spectre.Console;

namespace Hnv.Cli.Resources;

/// <summary>Shows plans and what became of them.</summary>
internal static class PlanView
{
    private const int ValueLengthMax = 160;

    /// <summary>The plan for people: every change with its properties, then how many there are.</summary>
    public static void Print(ApplyPlan plan)
    {
        foreach (ApplyStep step in plan.Steps.Where(step => step is { Action: not PlannedAction.Unchanged, IsCompletion: false }))
        {
            (string sign, string color) = Sign(step.Action);
            Line($"{sign} {Verb(step.Action)} {step.Ref}", color, step.Asked is { } asked ? $"  {asked.At("")}" : null);
            foreach (Difference difference in step.Comparison.Differences)
            {
                Print(difference);
            }

            foreach (string unseen in step.Comparison.Unseen)
            {
                Console.Out.WriteLine($"      {Output.Clean(unseen)}: a secret; whether it differs cannot be seen, and it is sent");
            }

            if (step.Deferred.Count > 0)
            {
                Console.Out.WriteLine($"      in two steps: without {string.Join(", ", step.Deferred.Select(Output.Clean))} at first, because they need each other");
            }
        }

        foreach (ApplyStep step in plan.Steps.Where(step => step.Action == PlannedAction.Unchanged && step.Comparison.Unseen.Count > 0))
        {
            Console.Out.WriteLine($"  {Output.Clean(step.Ref)}: {string.Join(", ", step.Comparison.Unseen.Select(Output.Clean))} cannot be compared, because secrets are never shown; --send-secrets sends it");
        }

        Console.Out.WriteLine(plan.IsEmpty ? $"Nothing to do: {Resources(plan.Count(PlannedAction.Unchanged))} as asked for." : $"Plan: {Summary(plan)}.");
    }

    /// <summary>One line about a step that was carried out.</summary>
    public static void PrintDone(ApplyStep step) => Line(
        step.Deferred.Count > 0 ? $"{Output.Clean(step.Ref)} {Past(step.Action)}, not complete yet" : $"{Output.Clean(step.Ref)} {(step.IsCompletion ? "completed" : Past(step.Action))}", "green", null);

    /// <summary>What was done, what was not, and why.</summary>
    public static void Print(ApplyOutcome outcome, TextWriter error)
    {
        foreach (string note in outcome.Notes)
        {
            Console.Out.WriteLine("note: " + Output.Clean(note));
        }

        if (outcome.Failed is not { } failed)
        {
            return;
        }

        error.WriteLine($"hnv: {(failed.Asked is { } asked ? asked.At("") + ": " : "")}{failed.Ref} {(outcome.IsUncertain ? "may or may not have been" : "was not")} {Past(failed.Action)}: {outcome.Reason}");
        error.WriteLine($"     Done before it: {outcome.Done.Count}{Names(outcome.Done)}");
        error.WriteLine($"     Not begun: {outcome.NotDone.Count}{Names(outcome.NotDone)}");
        error.WriteLine("     Put it right and run the same command again: what is done is left alone.");
    }

    /// <summary>The plan, and what became of it, for programs.</summary>
    public static JsonObject Json(ApplyPlan plan, ApplyOutcome? outcome)
    {
        JsonObject all = new()
        {
            ["changes"] = new JsonArray([.. plan.Steps.Where(step => step.Action != PlannedAction.Unchanged && !step.IsCompletion).Select(Json)]),
            ["unchanged"] = plan.Count(PlannedAction.Unchanged),
            ["faults"] = new JsonArray([.. plan.Faults.Select(fault => new JsonObject { ["place"] = fault.Place, ["message"] = fault.Message })]),
        };
        if (outcome is not null)
        {
            all["outcome"] = new JsonObject
            {
                ["complete"] = outcome.IsComplete,
                ["done"] = References(outcome.Done),
                ["failed"] = outcome.Failed?.Ref,
                ["reason"] = outcome.Reason,
                ["uncertain"] = outcome.IsUncertain,
                ["notDone"] = References(outcome.NotDone),
                ["notes"] = new JsonArray([.. outcome.Notes.Select(note => JsonValue.Create(note))]),
            };
        }

        return all;
    }

    private static JsonObject Json(ApplyStep step) => new()
    {
        ["action"] = Verb(step.Action),
        ["resourceRef"] = step.Ref,
        ["place"] = step.Asked?.At(""),
        ["differences"] = new JsonArray([.. step.Comparison.Differences.Select(difference => new JsonObject
        {
            ["path"] = difference.Path,
            ["before"] = difference.Before?.DeepClone(),
            ["after"] = difference.After?.DeepClone(),
        })]),
        ["secrets"] = new JsonArray([.. step.Comparison.Unseen.Select(path => JsonValue.Create(path))]),
    };

    private static void Print(Difference difference)
    {
        string path = Output.Clean(difference.Path);
        switch (difference)
        {
            case { Before: null }:
                Line($"      + {path}: {Value(difference.After)}", "green", null);
                break;
            case { After: null }:
                Line($"      - {path}: {Value(difference.Before)}", "red", null);
                break;
            default:
                Line($"      ~ {path}: {Value(difference.Before)} → {Value(difference.After)}", "yellow", null);
                break;
        }
    }

    private static string Value(JsonNode? value)
    {
        string text = Output.Clean(value switch
        {
            null => "absent",
            JsonValue scalar => scalar.ToString(),
            _ => value.ToJsonString(Hnv.Contracts.ContractJson.Relaxed),
        });
        return text.Length <= ValueLengthMax ? text : string.Concat(text.AsSpan(0, ValueLengthMax), "…");
    }

    private static void Line(string text, string color, string? aside)
    {
        if (Console.IsOutputRedirected)
        {
            Console.Out.WriteLine(text + aside);
        }
        else
        {
            AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[{color}]{text}[/][grey]{aside}[/]");
        }
    }

    private static string Summary(ApplyPlan plan) => string.Join(", ", new[] { PlannedAction.Create, PlannedAction.Replace, PlannedAction.Delete, PlannedAction.Unchanged }
        .Where(action => plan.Count(action) > 0)
        .Select(action => action == PlannedAction.Unchanged ? $"{plan.Count(action)} unchanged" : $"{plan.Count(action)} to {Verb(action)}"));

    private static string Resources(int count) => count == 1 ? "the resource is" : $"all {count} resources are";

    private static JsonArray References(IReadOnlyList<ApplyStep> steps) => new([.. steps.Select(step => JsonValue.Create(step.Ref))]);

    private static string Names(IReadOnlyList<ApplyStep> steps)
    {
        const int NamedMax = 5;
        return steps.Count == 0 ? "" : $" ({string.Join(", ", steps.Take(NamedMax).Select(step => step.Ref))}{(steps.Count > NamedMax ? ", …" : "")})";
    }

    private static (string Sign, string Color) Sign(PlannedAction action) => action switch
    {
        PlannedAction.Create => ("+", "green"),
        PlannedAction.Delete => ("-", "red"),
        _ => ("~", "yellow"),
    };

    private static string Verb(PlannedAction action) => action.ToString().ToLowerInvariant();

    private static string Past(PlannedAction action) => action switch
    {
        PlannedAction.Create => "created",
        PlannedAction.Delete => "deleted",
        _ => "replaced",
    };
}
