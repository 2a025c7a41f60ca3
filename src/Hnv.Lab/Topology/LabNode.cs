using System.Text;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Hnv.Lab.Topology;

/// <summary>A YAML node after expansion, which still knows its line.</summary>
internal abstract record LabNode(int Line)
{
    internal sealed record Scalar(int Line, string Value) : LabNode(Line);

    internal sealed record Sequence(int Line, IReadOnlyList<LabNode> Items) : LabNode(Line);

    internal sealed record Mapping(int Line, IReadOnlyList<Member> Members) : LabNode(Line);

    internal sealed record Member(string Key, int Line, LabNode Value);
}

/// <summary>
/// Turns YAML nodes into <see cref="LabNode"/>s: replaces <c>${expression}</c> in every scalar, and repeats a list item that has a
/// key <c>for</c>, <c>for: t in 1..${tenants}, m in 1..6</c> (the last name turns quickest).
/// </summary>
internal sealed partial class NodeExpansion(string file, List<TopologyError> errors)
{
    /// <summary>More than any sensible lab; stops a file that multiplies itself.</summary>
    private const int NodeCountMax = 500_000;

    private int _nodeCount;

    public LabNode Expand(YamlNode node, IReadOnlyDictionary<string, long> names)
    {
        int line = (int)node.Start.Line;
        if (++_nodeCount > NodeCountMax)
        {
            throw new TopologyException([new TopologyError(file, line, $"the file expands to more than {NodeCountMax} entries; ask for fewer tenants or machines")]);
        }

        switch (node)
        {
            case YamlMappingNode mapping:
                return new LabNode.Mapping(line, [.. mapping.Children.Select(pair =>
                    new LabNode.Member((pair.Key as YamlScalarNode)?.Value ?? "?", (int)pair.Key.Start.Line, Expand(pair.Value, names)))]);
            case YamlSequenceNode sequence:
                List<LabNode> items = [];
                foreach (YamlNode item in sequence.Children)
                {
                    ExpandItem(item, names, items);
                }

                return new LabNode.Sequence(line, items);
            default:
                return new LabNode.Scalar(line, Substitute((node as YamlScalarNode)?.Value ?? "", line, names));
        }
    }

    private void ExpandItem(YamlNode item, IReadOnlyDictionary<string, long> names, List<LabNode> items)
    {
        if (item is not YamlMappingNode mapping || !mapping.Children.TryGetValue(new YamlScalarNode("for"), out YamlNode? repeat))
        {
            items.Add(Expand(item, names));
            return;
        }

        int line = (int)repeat.Start.Line;
        string[] clauses = Substitute((repeat as YamlScalarNode)?.Value ?? "", line, names).Split(',', StringSplitOptions.TrimEntries);
        YamlMappingNode body = new(mapping.Children.Where(pair => !ReferenceEquals(pair.Value, repeat)));
        Repeat(clauses, 0, names);

        void Repeat(string[] all, int depth, IReadOnlyDictionary<string, long> bound)
        {
            if (depth == all.Length)
            {
                LabNode made = Expand(body, bound);
                items.Add(made with { Line = (int)mapping.Start.Line });
                return;
            }

            Match match = Clause().Match(all[depth]);
            if (!match.Success)
            {
                errors.Add(new TopologyError(file, line, $"'{all[depth]}' is not a repetition; write it as: t in 1..5"));
                return;
            }

            (long from, long to) = (Number(match.Groups[2].Value, line, bound), Number(match.Groups[3].Value, line, bound));
            for (long i = from; i <= to; i++)
            {
                Repeat(all, depth + 1, new Dictionary<string, long>(bound, StringComparer.Ordinal) { [match.Groups[1].Value] = i });
            }
        }
    }

    private string Substitute(string text, int line, IReadOnlyDictionary<string, long> names)
    {
        if (!text.Contains("${", StringComparison.Ordinal))
        {
            return text;
        }

        StringBuilder result = new();
        int at = 0;
        for (int open = text.IndexOf("${", StringComparison.Ordinal); open >= 0; open = text.IndexOf("${", at, StringComparison.Ordinal))
        {
            int close = text.IndexOf('}', open);
            if (close < 0)
            {
                errors.Add(new TopologyError(file, line, $"a '}}' is missing in '{text}'"));
                return text;
            }

            result.Append(text, at, open - at).Append(Number(text[(open + 2)..close], line, names));
            at = close + 1;
        }

        return result.Append(text, at, text.Length - at).ToString();
    }

    private long Number(string expression, int line, IReadOnlyDictionary<string, long> names)
    {
        try
        {
            return IntegerExpression.Evaluate(expression, names);
        }
        catch (FormatException e)
        {
            errors.Add(new TopologyError(file, line, e.Message));
            return 0;
        }
    }

    /// <summary>Reads one YAML document.</summary>
    public YamlMappingNode? Load(string text)
    {
        Parser parser = new(new StringReader(text));
        try
        {
            YamlStream stream = [];
            stream.Load(parser);
            if (stream.Documents.Count == 1 && stream.Documents[0].RootNode is YamlMappingNode root)
            {
                return root;
            }

            errors.Add(new TopologyError(file, 1, "a lab file is one YAML mapping with the keys lab, provider, hosts, networks and machines; see labs/figure8.yaml"));
        }
        catch (YamlException e)
        {
            errors.Add(new TopologyError(file, (int)e.Start.Line, (e.InnerException ?? e).Message));
        }

        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // The scanner gives up this way on some broken files; the last token it understood is near the mistake.
            errors.Add(new TopologyError(file, (int)(parser.Current?.End.Line ?? 1), "this is not YAML from here on: look for a bracket or a quote that is not closed"));
        }

        return null;
    }

    [GeneratedRegex(@"^([A-Za-z_]\w*)\s+in\s+(\S.*?)\s*\.\.\s*(\S.*)$")]
    private static partial Regex Clause();
}
