using System.Globalization;
using System.Net;
using System.Text;

namespace Hnv.Lab.Datapath;

/// <summary>
/// Draws results as SVG: a panel for each figure, a bar for each contender. Colours follow the reader's light or dark theme; every bar is labelled, so
/// none has to be told by its colour.
/// </summary>
public static class DatapathChart
{
    private const int Columns = 2, PanelWidth = 520, LabelWidth = 220, BarHeight = 14, RowHeight = 20, TitleHeight = 30, Gap = 24, Margin = 20;

    /// <summary>The chart as the text of an SVG file.</summary>
    /// <param name="measured">The contender that ratios refer to first.</param>
    public static string Draw(IReadOnlyList<DatapathResult> measured)
    {
        int panelHeight = TitleHeight + (measured.Count * RowHeight) + Gap;
        int rows = (DatapathFigure.All.Count + Columns - 1) / Columns;
        int width = (2 * Margin) + (Columns * PanelWidth) + ((Columns - 1) * Gap), height = (2 * Margin) + (rows * panelHeight);
        StringBuilder svg = new();
        svg.Append(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="Datapaths side by side">
            <style>
              text {"{"} font: 12px system-ui, sans-serif; fill: #1f2328; {"}"}
              .title {"{"} font-weight: 600; font-size: 14px; {"}"}
              .page {"{"} fill: #ffffff; {"}"} .bar {"{"} fill: #8c959f; {"}"} .own {"{"} fill: #0969da; {"}"}
              @media (prefers-color-scheme: dark) {"{"}
                text {"{"} fill: #e6edf3; {"}"} .page {"{"} fill: #0d1117; {"}"} .bar {"{"} fill: #6e7681; {"}"} .own {"{"} fill: #58a6ff; {"}"}
              {"}"}
            </style>
            <rect class="page" width="{width}" height="{height}"/>

            """);
        for (int i = 0; i < DatapathFigure.All.Count; i++)
        {
            int x = Margin + (i % Columns * (PanelWidth + Gap)), y = Margin + (i / Columns * panelHeight);
            Panel(svg, DatapathFigure.All[i], measured, x, y);
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static void Panel(StringBuilder svg, DatapathFigure figure, IReadOnlyList<DatapathResult> measured, int x, int y)
    {
        const int valueWidth = 110;
        double most = measured.Max(result => result.Median(figure.Of)) is > 0 and < double.PositiveInfinity and { } largest ? largest : 1;
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<text class=\"title\" x=\"{x}\" y=\"{y + 14}\">{figure.Name}, {figure.Unit} ({(figure.IsMoreBetter ? "more" : "less")} is better)</text>\n");
        for (int i = 0; i < measured.Count; i++)
        {
            DatapathResult result = measured[i];
            double value = result.Median(figure.Of);
            int top = y + TitleHeight + (i * RowHeight), text = top + BarHeight - 3;
            int length = double.IsFinite(value) ? Math.Max(1, (int)(value / most * (PanelWidth - LabelWidth - valueWidth))) : 0;
            string style = result.Name.StartsWith("OpenHNV", StringComparison.Ordinal) ? "own" : "bar";
            string number = value.ToString(figure.Format, CultureInfo.InvariantCulture);
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x + LabelWidth - 8}\" y=\"{text}\" text-anchor=\"end\">{WebUtility.HtmlEncode(result.Name)}</text>")
                .Append(CultureInfo.InvariantCulture, $"<rect class=\"{style}\" x=\"{x + LabelWidth}\" y=\"{top}\" width=\"{length}\" height=\"{BarHeight}\" rx=\"2\"/>")
                .Append(CultureInfo.InvariantCulture, $"<text x=\"{x + LabelWidth + length + 6}\" y=\"{text}\">{number} (×{result.Ratio(measured[0], figure.Of):F2})</text>\n");
        }
    }
}
