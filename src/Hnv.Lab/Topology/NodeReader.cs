using System.Globalization;
using System.Text.RegularExpressions;
using Hnv.Primitives;

namespace Hnv.Lab.Topology;

/// <summary>Reads one mapping: each key once, each mistake noted with its line, unknown keys among them.</summary>
internal sealed partial class NodeReader
{
    private readonly string _file;
    private readonly List<TopologyError> _errors;
    private readonly Dictionary<string, LabNode.Member> _members = new(StringComparer.Ordinal);

    public NodeReader(LabNode node, string what, string file, List<TopologyError> errors, params ReadOnlySpan<string> keys)
    {
        (_file, _errors, What, Line) = (file, errors, what, node.Line);
        if (node is not LabNode.Mapping mapping)
        {
            Fail(node.Line, $"{what} is a mapping with the keys {string.Join(", ", keys.ToArray())}");
            return;
        }

        foreach (LabNode.Member member in mapping.Members)
        {
            if (!keys.Contains(member.Key))
            {
                Fail(member.Line, $"'{member.Key}' is not a key of {what}; known: {string.Join(", ", keys.ToArray())}");
            }

            _members[member.Key] = member;
        }
    }

    public string What { get; }

    public int Line { get; }

    public bool Has(string key) => _members.ContainsKey(key);

    public int LineOf(string key) => _members.TryGetValue(key, out LabNode.Member? member) ? member.Line : Line;

    public void Fail(int line, string reason) => _errors.Add(new TopologyError(_file, line, reason));

    public void FailAt(string key, string reason) => Fail(LineOf(key), reason);

    /// <summary>The text of a key; empty, and an error, when it is absent and has no default.</summary>
    public string Text(string key, string? absent = null)
    {
        if (!_members.TryGetValue(key, out LabNode.Member? member))
        {
            if (absent is null)
            {
                Fail(Line, $"{What} lacks the key '{key}'");
            }

            return absent ?? "";
        }

        if (member.Value is LabNode.Scalar { Value.Length: > 0 } scalar)
        {
            return scalar.Value;
        }

        Fail(member.Line, $"'{key}' of {What} is empty or not a plain value");
        return absent ?? "";
    }

    public delegate bool TryParse<T>(string text, out T value);

    /// <summary>A key in a form of its own.</summary>
    public T Parsed<T>(string key, TryParse<T> tryParse, string right, T? absent = default, bool required = true)
        where T : struct
    {
        if (!required && !Has(key))
        {
            return absent ?? default;
        }

        string text = Text(key);
        if (tryParse(text, out T value))
        {
            return value;
        }

        if (text.Length > 0)
        {
            FailAt(key, $"'{text}' is not {right}");
        }

        return default;
    }

    public int Number(string key, int min, int max, int absent) =>
        Parsed<int>(
            key,
            (string text, out int value) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= min && value <= max,
            $"a number from {min} to {max}",
            absent,
            required: false);

    /// <summary>Names become parts of namespace and device names: 15 characters are what a device name has.</summary>
    public string Name(string key, int max = 13)
    {
        string name = Text(key);
        if (name.Length > 0 && (name.Length > max || !NamePattern().IsMatch(name)))
        {
            FailAt(key, $"'{name}' is not a name: lower-case letters, digits and '-', a letter first, at most {max} characters");
        }

        return name;
    }

    public IpPrefix Prefix(string key) => Parsed<IpPrefix>(key, IpPrefix.TryParse, "an IP prefix with all host bits zero, 10.1.1.0/24");

    /// <summary>An address inside a prefix.</summary>
    public InetAddress Address(string key, IpPrefix prefix, InetAddress? absent = null)
    {
        InetAddress address = Parsed<InetAddress>(key, InetAddress.TryParse, "an IP address", absent, required: absent is null);
        if (address != default && prefix != default && !prefix.Contains(address))
        {
            FailAt(key, $"{address} lies outside {prefix}");
        }

        return address;
    }

    /// <summary>The name of something that the file defines elsewhere; null when the key is absent or names nothing.</summary>
    public string? Known(string key, IReadOnlyCollection<string> names, string what)
    {
        if (!Has(key))
        {
            return null;
        }

        string name = Text(key);
        if (name.Length > 0 && !names.Contains(name))
        {
            FailAt(key, $"'{name}' is not {what}; there are {(names.Count == 0 ? "none" : string.Join(", ", names))}");
        }

        return name;
    }

    /// <summary>A list of plain values in a form of their own.</summary>
    public IReadOnlyList<T> Values<T>(string key, TryParse<T> tryParse, string right)
    {
        List<T> values = [];
        foreach (LabNode item in Items(key))
        {
            string text = (item as LabNode.Scalar)?.Value ?? "";
            if (tryParse(text, out T value))
            {
                values.Add(value);
            }
            else
            {
                Fail(item.Line, $"'{text}' is not {right}");
            }
        }

        return values;
    }

    public bool Flag(string key) => Parsed<bool>(key, bool.TryParse, "true or false", absent: false, required: false);

    /// <summary>One word of a few.</summary>
    public T Word<T>(string key, T absent)
        where T : struct, Enum =>
        Parsed<T>(
            key,
            (string word, out T value) => Enum.TryParse(word, ignoreCase: true, out value) && Enum.IsDefined(value) && char.IsAsciiLetter(word[0]),
            string.Join(" or ", Enum.GetNames<T>().Select(name => name.ToLowerInvariant())),
            absent,
            required: false);

    /// <summary>The items of a list; an absent key is an empty list.</summary>
    public IReadOnlyList<LabNode> Items(string key)
    {
        if (!_members.TryGetValue(key, out LabNode.Member? member))
        {
            return [];
        }

        if (member.Value is LabNode.Sequence sequence)
        {
            return sequence.Items;
        }

        Fail(member.Line, $"'{key}' of {What} is a list");
        return [];
    }

    /// <summary>The names and numbers of a mapping.</summary>
    public IEnumerable<KeyValuePair<string, string>> Pairs(string key) =>
        _members.TryGetValue(key, out LabNode.Member? member) && member.Value is LabNode.Mapping mapping
            ? mapping.Members.Select(m => KeyValuePair.Create(m.Key, (m.Value as LabNode.Scalar)?.Value ?? ""))
            : [];

    public LabNode? Node(string key) => _members.GetValueOrDefault(key)?.Value;

    [GeneratedRegex("^[a-z][a-z0-9-]*$")]
    private static partial Regex NamePattern();
}
