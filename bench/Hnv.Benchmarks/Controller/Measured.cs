using System.Globalization;

namespace Hnv.Benchmarks.Controller;

/// <summary>Durations of many events of one kind.</summary>
internal sealed class Measured
{
    private readonly List<double> _milliseconds = [];
    private readonly Lock _gate = new();

    public int Count => _milliseconds.Count;

    public void Add(TimeSpan duration)
    {
        lock (_gate)
        {
            _milliseconds.Add(duration.TotalMilliseconds);
        }
    }

    /// <summary>The value that a part of all does not exceed, in milliseconds; 0 of nothing.</summary>
    public double Percentile(double part)
    {
        lock (_gate)
        {
            double[] sorted = [.. _milliseconds.Order()];
            return sorted.Length == 0 ? 0 : sorted[Math.Min((int)(sorted.Length * part), sorted.Length - 1)];
        }
    }
}

/// <summary>One line of the table: a figure, what it was measured on, and what was promised.</summary>
/// <param name="Name">What.</param>
/// <param name="Value">How much.</param>
/// <param name="Unit">Of what.</param>
/// <param name="Target">The promise, as words; empty for none.</param>
/// <param name="IsMet">Whether it is kept; null without one.</param>
/// <param name="Note">Under which circumstances.</param>
internal sealed record Figure(string Name, double Value, string Unit, string Target = "", bool? IsMet = null, string Note = "")
{
    public static Figure AtMost(string name, double value, string unit, double limit, string note = "") =>
        new(name, Math.Round(value, 2), unit, string.Create(CultureInfo.InvariantCulture, $"< {limit}"), value < limit, note);

    public static Figure AtLeast(string name, double value, string unit, double limit, string note = "") =>
        new(name, Math.Round(value, 2), unit, string.Create(CultureInfo.InvariantCulture, $">= {limit}"), value >= limit, note);

    public static Figure Plain(string name, double value, string unit, string note = "") => new(name, Math.Round(value, 2), unit, Note: note);
}
