namespace Hnv.Cli.Vfp;

/// <summary>vfpctrl's own way to write commands, <c>/list-rule /port ID /layer NAME</c>, turned into ours; words in any order and case.</summary>
internal static class VfpSpelling
{
    private static readonly string[] s_options = ["port", "layer", "group", "format"];

    /// <summary>Rewrites the words behind <c>vfp</c>; words that are spelled our way stay as they are.</summary>
    /// <param name="args">The whole command line.</param>
    /// <param name="verbs">The verbs there are.</param>
    public static string[] Normalize(string[] args, IReadOnlyCollection<string> verbs)
    {
        int at = Array.IndexOf(args, "vfp");
        if (at < 0)
        {
            return args;
        }

        string? verb = null;
        List<string> rest = [];
        foreach (string word in args.Skip(at + 1))
        {
            string[] parts = word.Split(':', 2);
            string name = parts[0].TrimStart('/').ToLowerInvariant();
            if (!word.StartsWith('/'))
            {
                rest.Add(word);
            }
            else if (verb is null && verbs.Contains(name))
            {
                verb = name;
                rest.AddRange(parts.Skip(1));
            }
            else if (s_options.Contains(name))
            {
                rest.Add("--" + name);
                rest.AddRange(parts.Skip(1));
            }
            else
            {
                rest.Add(word == "/?" ? "--help" : word);
            }
        }

        return [.. args[..(at + 1)], .. verb is null ? [] : (string[])[verb], .. rest];
    }
}
