using System.Text;

namespace Hnv.Cli.Vfp;

/// <summary>
/// The text that parsers of vfpctrl's output read: lines that end in CRLF, items parted by an empty line, <c>Key : value</c>, and a last line that
/// says whether the command succeeded. One colon to a line wherever the value allows it, because parsers split there.
/// </summary>
internal sealed class VfpText
{
    private const string NewLine = "\r\n";

    private readonly StringBuilder _text = new();

    /// <summary>Begins a list.</summary>
    public VfpText Head() => Line(0, "ITEM LIST").Line(0, "===========").Break();

    /// <summary>An empty line.</summary>
    public VfpText Break()
    {
        _ = _text.Append(NewLine);
        return this;
    }

    /// <summary>A line that stands for itself.</summary>
    public VfpText Line(int indent, string line)
    {
        _ = _text.Append(' ', indent).Append(line).Append(NewLine);
        return this;
    }

    /// <summary>A key and its value.</summary>
    public VfpText Value(int indent, string key, object? value) => Line(indent, FormattableString.Invariant($"{key} : {value}").TrimEnd(' '));

    /// <summary>The whole text of a command that succeeded.</summary>
    public string Succeeded(string verb) => _text.Append("Command ").Append(verb).Append(" succeeded!").Append(NewLine).ToString();

    /// <summary>The whole text of a command that failed: parsers look at the first line only.</summary>
    public static string Failed(string reason) => $"ERROR: {reason.ReplaceLineEndings(" ")}{NewLine}";
}
