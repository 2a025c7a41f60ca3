using System.Globalization;

namespace Hnv.Lab.Topology;

/// <summary>Integer arithmetic over named numbers, <c>(t - 1) % hosts + 1</c>: + - * / %, parentheses, 64 bits, checked.</summary>
internal sealed class IntegerExpression
{
    private readonly string _text;
    private readonly IReadOnlyDictionary<string, long> _names;
    private int _at;
    private int _depth;

    private IntegerExpression(string text, IReadOnlyDictionary<string, long> names)
    {
        _text = text;
        _names = names;
    }

    /// <exception cref="FormatException">The text is no expression, names something unknown, divides by zero or overflows.</exception>
    public static long Evaluate(string text, IReadOnlyDictionary<string, long> names)
    {
        IntegerExpression reader = new(text, names);
        try
        {
            long value = reader.Sum();
            return reader.Peek() == '\0' ? value : throw reader.Wrong($"'{text[reader._at..]}' is left over");
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException)
        {
            throw reader.Wrong("the number is too large, or divided by zero");
        }
    }

    private long Sum()
    {
        long value = Product();
        while (Peek() is '+' or '-')
        {
            char sign = _text[_at++];
            long right = Product();
            value = checked(sign == '+' ? value + right : value - right);
        }

        return value;
    }

    private long Product()
    {
        long value = Atom();
        while (Peek() is '*' or '/' or '%')
        {
            char sign = _text[_at++];
            long right = Atom();
            value = checked(sign switch { '*' => value * right, '/' => value / right, _ => value % right });
        }

        return value;
    }

    private long Atom()
    {
        char first = Peek();
        if (first == '(')
        {
            if (++_depth > 50)
            {
                throw Wrong("it is nested too deeply");
            }

            _at++;
            long inner = Sum();
            if (Peek() != ')')
            {
                throw Wrong("a ')' is missing");
            }

            _at++;
            _depth--;
            return inner;
        }

        int start = _at;
        while (_at < _text.Length && (char.IsAsciiLetterOrDigit(_text[_at]) || _text[_at] == '_'))
        {
            _at++;
        }

        string word = _text[start.._at];
        if (word.Length == 0)
        {
            throw Wrong("a number or a name is missing");
        }

        return long.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || _names.TryGetValue(word, out number)
            ? number
            : throw Wrong($"'{word}' is not known here; known: {string.Join(", ", _names.Keys.Order(StringComparer.Ordinal))}");
    }

    private char Peek()
    {
        while (_at < _text.Length && _text[_at] == ' ')
        {
            _at++;
        }

        return _at < _text.Length ? _text[_at] : '\0';
    }

    private FormatException Wrong(string reason) => new($"'{_text}': {reason}");
}
