using System.Numerics;
using System.Runtime.Intrinsics;

namespace Hnv.Vfp;

/// <summary>An inclusive range of values of one packet field that a rule accepts.</summary>
internal readonly record struct FieldRange<T>(T First, T Last)
    where T : struct;

/// <summary>
/// One packet field of a rule group: its values cut into pieces, and for each piece a row of bits, one for each rule, that says which rules may
/// accept a value of it. Immutable.
/// </summary>
/// <remarks>
/// A row holds every rule that accepts some value of its piece, so a missing bit is certain and a set bit is not. Pieces begin where ranges of
/// rules begin or end. When there are more such places than rows, neighbours share a piece, and never more than
/// <c>2 × ranges ÷ (rows - 1)</c> of them: that many set bits at the most are wrong for any packet, whatever the rules.
/// </remarks>
internal sealed class FieldRows<T>
    where T : struct, IBinaryInteger<T>, IMinMaxValue<T>
{
    private readonly T[] _starts;
    private readonly Vector512<ulong>[] _rows;
    private readonly int _blocks;

    /// <summary>Builds the rows.</summary>
    /// <param name="rules">What each rule accepts: any of its ranges; one without ranges accepts no value.</param>
    /// <param name="rowLimit">Rows at the most, 2 or more.</param>
    public FieldRows(FieldRange<T>[][] rules, int rowLimit)
    {
        foreach (ref FieldRange<T>[] ranges in rules.AsSpan())
        {
            ranges = Merge(ranges);
        }

        _blocks = RuleBits.BlocksOf(rules.Length);
        _starts = Cut(rules, rowLimit);
        _rows = new Vector512<ulong>[_starts.Length * _blocks];
        Fill(rules);
    }

    /// <summary>The rules that may accept a value.</summary>
    public ReadOnlySpan<Vector512<ulong>> RowOf(T value) => Row(PieceOf(value));

    private Span<Vector512<ulong>> Row(int piece) => _rows.AsSpan(piece * _blocks, _blocks);

    private int PieceOf(T value)
    {
        T[] starts = _starts;
        int piece = 0;
        for (int count = starts.Length; count > 1;)
        {
            int half = count / 2;
            piece = starts[piece + half] <= value ? piece + half : piece;
            count -= half;
        }

        return piece;
    }

    private void Fill(FieldRange<T>[][] rules)
    {
        // Most rules leave most fields open: those bits are the same in every row and are copied, not set one by one.
        Span<Vector512<ulong>> open = new Vector512<ulong>[_blocks];
        for (int rule = 0; rule < rules.Length; rule++)
        {
            if (IsOpen(rules[rule]))
            {
                RuleBits.Set(open, rule);
            }
        }

        for (int piece = 0; piece < _starts.Length; piece++)
        {
            open.CopyTo(Row(piece));
        }

        for (int rule = 0; rule < rules.Length; rule++)
        {
            if (!IsOpen(rules[rule]))
            {
                SetRows(rules[rule], rule);
            }
        }
    }

    private void SetRows(FieldRange<T>[] ranges, int rule)
    {
        foreach (FieldRange<T> range in ranges)
        {
            int last = PieceOf(range.Last);
            for (int piece = PieceOf(range.First); piece <= last; piece++)
            {
                RuleBits.Set(Row(piece), rule);
            }
        }
    }

    private static bool IsOpen(FieldRange<T>[] ranges) => ranges is [var only] && only.First == T.MinValue && only.Last == T.MaxValue;

    private static T[] Cut(FieldRange<T>[][] rules, int rowLimit)
    {
        List<T> ends = [];
        foreach (FieldRange<T>[] ranges in rules)
        {
            foreach (FieldRange<T> range in ranges)
            {
                if (range.First != T.MinValue)
                {
                    ends.Add(range.First);
                }

                if (range.Last != T.MaxValue)
                {
                    ends.Add(range.Last + T.One);
                }
            }
        }

        ends.Sort();
        int distinct = 0;
        for (int i = 0; i < ends.Count; i++)
        {
            distinct += i == 0 || ends[i] != ends[i - 1] ? 1 : 0;
        }

        // Each piece but the last, together with the place where the next begins, has more than `shared` ends: so there are at most rowLimit pieces.
        int shared = distinct < rowLimit ? 0 : ((ends.Count + rowLimit - 2) / (rowLimit - 1)) - 1;
        List<T> starts = [T.MinValue];
        int inside = 0;
        for (int i = 0, next; i < ends.Count; i = next)
        {
            for (next = i + 1; next < ends.Count && ends[next] == ends[i]; next++)
            {
            }

            inside += next - i;
            if (inside > shared)
            {
                starts.Add(ends[i]);
                inside = 0;
            }
        }

        return [.. starts];
    }

    /// <summary>The same values in the fewest ranges, ascending; reversed ranges hold none.</summary>
    private static FieldRange<T>[] Merge(FieldRange<T>[] ranges)
    {
        if (ranges.Length <= 1 && (ranges.Length == 0 || ranges[0].First <= ranges[0].Last))
        {
            return ranges;
        }

        List<FieldRange<T>> merged = [];
        foreach (FieldRange<T> range in ranges.Where(range => range.First <= range.Last).OrderBy(range => range.First))
        {
            if (merged.Count > 0 && (merged[^1].Last == T.MaxValue || range.First <= merged[^1].Last + T.One))
            {
                merged[^1] = merged[^1] with { Last = T.Max(merged[^1].Last, range.Last) };
            }
            else
            {
                merged.Add(range);
            }
        }

        return [.. merged];
    }
}
