using System.Globalization;
using Hnv.Contracts.HostChannel;
using Spectre.Console;

namespace Hnv.Cli;

/// <summary>A trace for people: each port with its stages in order, then where the packet goes, then the end of it.</summary>
internal static class TraceView
{
    private const int PipeWidth = 400;

    /// <summary>True when the packet, or a copy of it, reaches a guest, is answered, or leaves for where nobody can be asked.</summary>
    public static bool Arrives(TraceReport report) =>
        report.Verdict != "Drop" && report.Ways.Where(way => way.Kind != "mirror").Any(way => way.Kind != "none" && (way.Next is null || Arrives(way.Next)));

    /// <summary>Prints it.</summary>
    public static void Print(TraceReport report)
    {
        if (Console.IsOutputRedirected)
        {
            AnsiConsole.Profile.Width = PipeWidth;
            AnsiConsole.Profile.Capabilities.Ansi = false;
        }

        Port(report, depth: 0);
        AnsiConsole.WriteLine();
        foreach (TraceReport end in Ends(report))
        {
            string where = end.Port is null ? end.Host : $"{end.Port} on {end.Host}";
            bool isDrop = end.Verdict == "Drop";
            string by = isDrop ? Named(" reason", end.Reason) + Named(" layer", end.Layer) + Named(" rule", end.Rule) : "";
            Line(0, $"[{(isDrop ? "red" : "green")}]{Markup.Escape(where)}: {Markup.Escape(end.Summary)}[/]{(by.Length == 0 ? "" : $" [grey]({Markup.Escape(by.Trim())})[/]")}");
            if (end.Hint is { } hint)
            {
                Line(0, $"[yellow]Try:[/] {Markup.Escape(hint)}");
            }
        }
    }

    private static void Port(TraceReport report, int depth)
    {
        string where = report.Port is null ? report.Host : $"{report.Port} on {report.Host}";
        Line(depth, $"[bold]{Markup.Escape(where)}, {report.Direction.ToLowerInvariant()}[/]  {Markup.Escape(report.Packet)}");
        int kind = Width(report.Stages.Select(stage => stage.Kind)), name = Width(report.Stages.Select(stage => stage.Name));
        int rule = Width(report.Stages.Select(Rule));
        foreach (TraceStage stage in report.Stages)
        {
            string color = stage.Outcome.StartsWith("drop", StringComparison.Ordinal) || stage.Outcome == "block" ? "red" : stage.Rule is null ? "grey" : "default";
            string edits = stage.Edits is null ? "" : $"  [blue]{Markup.Escape(stage.Edits)}[/]";
            Line(depth + 1, $"[grey]{stage.Kind.PadRight(kind)}[/]  {Markup.Escape(stage.Name.PadRight(name))}  {Markup.Escape(Rule(stage).PadRight(rule))}  [{color}]{Markup.Escape(stage.Outcome)}[/]{edits}");
        }

        foreach (TraceWay way in report.Ways)
        {
            string outer = way.Outer is { } o
                ? string.Create(CultureInfo.InvariantCulture, $", {(o.DestinationPort > 0 ? $"udp {o.DestinationPort}" : $"FlowID {o.SourcePort}")}, tos {o.TrafficClass}, {o.Length} bytes")
                : "";
            Line(depth + 1, $"[bold]->[/] [{(way.Kind == "none" ? "red" : "green")}]{Markup.Escape(way.Kind)}[/]  {Markup.Escape(way.To)}{Markup.Escape(outer)}");
            if (way.Next is { } next)
            {
                Port(next, depth + 2);
            }
            else if (way.Outer is not null)
            {
                Line(depth + 2, "[grey]the host with that provider address was not asked: add --peer with its agent's endpoint[/]");
            }
        }
    }

    /// <summary>The last port of each way.</summary>
    private static IEnumerable<TraceReport> Ends(TraceReport report)
    {
        TraceReport[] next = [.. report.Ways.Select(way => way.Next).OfType<TraceReport>()];
        return next.Length == 0 ? [report] : next.SelectMany(Ends);
    }

    private static string Rule(TraceStage stage) => stage.Rule is { } rule ? $"{stage.Group}/{rule}" : stage.Group ?? "";

    private static int Width(IEnumerable<string> texts) => texts.Select(text => text.Length).DefaultIfEmpty(0).Max();

    private static string Named(string what, string? value) => value is null ? "" : $"{what} {value}";

    private static void Line(int depth, string markup) => AnsiConsole.MarkupLine(new string(' ', depth * 2) + markup.TrimEnd());
}
