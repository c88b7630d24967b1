using Transformers.IO.Images;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Reports.Plots;

/// <summary>One panel of a figure.</summary>
/// <param name="Title">The title above it; empty for none.</param>
/// <param name="Cells">Its numbers, as coloured cells.</param>
/// <param name="RowLabels">A label for each row; null for row numbers.</param>
/// <param name="ColumnLabels">A label for each column; null for column numbers.</param>
/// <param name="CellTexts">A label in each cell, row by row; null for none.</param>
public sealed record Panel(string Title, Matrix Cells, IReadOnlyList<string>? RowLabels = null, IReadOnlyList<string>? ColumnLabels = null, IReadOnlyList<string>? CellTexts = null);

/// <summary>Panels side by side in rows, with one colour scale.</summary>
/// <param name="Title">What the figure shows.</param>
/// <param name="Across">The title of the horizontal axis.</param>
/// <param name="Down">The title of the vertical axis.</param>
/// <param name="Panels">The panels, row by row.</param>
/// <param name="PanelsAcross">Panels in a row.</param>
/// <param name="PanelSize">The longer side of a panel in pixels.</param>
public sealed record HeatMap(string Title, string Across, string Down, IReadOnlyList<Panel> Panels, int PanelsAcross = 1, double PanelSize = 420)
{
    const double Top = 56, Right = 96, Bottom = 58, Gap = 16;
    const double LetterWidth = 6.4;
    const int MostLabels = 64, LongestLabel = 14;

    /// <summary>The value of the lowest colour; by default the smallest number, or minus the largest absolute value if both signs occur.</summary>
    public double? Low { get; init; }

    /// <summary>The value of the highest colour.</summary>
    public double? High { get; init; }

    /// <summary>Whether the panels are small pictures in a grid, without numbers at their edges.</summary>
    public bool Bare { get; init; }

    /// <summary>The number of the first row and column, if they have no labels.</summary>
    public int Origin { get; init; }

    /// <summary>The figure as an SVG document.</summary>
    public string ToSvg() => Draw().ToSvg();

    /// <summary>The figure as a picture.</summary>
    public Picture Draw()
    {
        var (low, high, scale) = Range();
        var across = Math.Min(PanelsAcross, Panels.Count);
        var down = (Panels.Count + across - 1) / across;
        var longest = Panels.Max(panel => Math.Max(panel.Cells.Rows, panel.Cells.Columns));
        var cell = PanelSize / longest;
        var (width, height) = (Panels.Max(panel => panel.Cells.Columns) * cell, Math.Max(Bare ? 0 : 60, Panels.Max(panel => panel.Cells.Rows) * cell));
        var gap = Bare ? 3 : Gap;
        // Labels get the room that the longest of them needs.
        var left = Math.Max(64.0, 44 + LetterWidth * LongestOf(panel => panel.RowLabels, panel => height / panel.Cells.Rows));
        var below = LetterWidth * LongestOf(panel => panel.ColumnLabels, panel => width / panel.Cells.Columns);
        var heading = Panels.Any(panel => panel.Title.Length > 0) ? 20.0 : 0;
        var total = left + across * (width + gap) + Right;
        var bottom = Bottom + Math.Max(0, 0.9 * below - 12);
        var picture = new Picture(Math.Max(total, 90 + 9.2 * Title.Length), Top + down * (height + heading + gap) + bottom, Title);
        picture.Text(24, 30, Title, "ink title");
        for (var i = 0; i < Panels.Count; i++)
            Draw(picture, Panels[i], left + i % across * (width + gap), Top + heading + i / across * (height + heading + gap), width, height, scale, low, high,
                rows: !Bare && i % across == 0, columns: !Bare && i / across == down - 1);
        var end = Top + down * (height + heading + gap) - gap;
        picture.Text(left + (across * (width + gap) - gap) / 2, end + bottom - 14, Across, "ink label", Anchor.Middle);
        picture.Text(20, (Top + end) / 2, Down, "ink label", Anchor.Middle, turn: -90);
        Bar(picture, left + across * (width + gap) + 8, Top + heading, Math.Min(220, end - Top - heading), scale, low, high);
        return picture;
    }

    /// <summary>The figure as it is stored in a run: the SVG, and a raster of its cells with one cell between panels.</summary>
    internal ModelPicture ToPicture(string name)
    {
        var (low, high, scale) = Range();
        var across = Math.Min(PanelsAcross, Panels.Count);
        var (rows, columns) = (Panels.Max(panel => panel.Cells.Rows) + 1, Panels.Max(panel => panel.Cells.Columns) + 1);
        var width = across * columns;
        var cells = new RgbImage(width, rows * ((Panels.Count + across - 1) / across));
        cells.Span.Fill(255);
        foreach (var (i, panel) in Panels.Index())
            for (var y = 0; y < panel.Cells.Rows; y++)
                for (var x = 0; x < panel.Cells.Columns; x++)
                    scale.Palette.Slice(3 * ColorScale.IndexOf(panel.Cells[y, x], low, high), 3).CopyTo(cells.Row(i / across * rows + y)[(3 * (i % across * columns + x))..]);
        return new(name, ToSvg(), Raster.Encode(cells));
    }

    int LongestOf(Func<Panel, IReadOnlyList<string>?> words, Func<Panel, double> size) =>
        Panels.Max(panel => words(panel) is { } labels ? Labels(labels, labels.Count, size(panel)).Select(label => label.Item2.Length).DefaultIfEmpty(0).Max() : 0);

    (double, double, ColorScale) Range()
    {
        var finite = Panels.SelectMany(panel => panel.Cells.Values).Where(double.IsFinite).DefaultIfEmpty(0);
        var (smallest, largest) = (Low ?? finite.Min(), High ?? finite.Max());
        if (smallest >= 0 || largest <= 0) return (smallest, largest > smallest ? largest : smallest + 1, ColorScale.Amount);
        var size = Math.Max(-smallest, largest);
        return (-size, size, ColorScale.Signed);
    }

    void Draw(Picture picture, Panel panel, double x, double y, double width, double height, ColorScale scale, double low, double high, bool rows, bool columns)
    {
        var cells = panel.Cells;
        var indices = cells.Values.Select(value => ColorScale.IndexOf(value, low, high)).ToArray();
        picture.Image(x, y, width, height, Raster.Colored(indices, cells.Columns, scale));
        picture.Box(x, y, width, height, "frame");
        if (panel.Title.Length > 0) picture.Text(x + width / 2, y - 6, panel.Title, "ink small", Anchor.Middle);
        var (cellWidth, cellHeight) = (width / cells.Columns, height / cells.Rows);
        if (rows)
            foreach (var (i, text) in Labels(panel.RowLabels, cells.Rows, cellHeight))
                picture.Text(x - 6, y + (i + 0.5) * cellHeight + 4, text, "soft small", Anchor.End);
        if (columns)
            foreach (var (i, text) in Labels(panel.ColumnLabels, cells.Columns, cellWidth))
                if (panel.ColumnLabels is null) picture.Text(x + (i + 0.5) * cellWidth, y + height + 16, text, "soft small", Anchor.Middle);
                else picture.Text(x + (i + 0.5) * cellWidth + 4, y + height + 12, text, "soft small", Anchor.End, turn: -60);
        if (panel.CellTexts is not { } texts) return;
        for (var i = 0; i < indices.Length; i++)
            picture.Text(x + (i % cells.Columns + 0.5) * cellWidth, y + (i / cells.Columns + 0.5) * cellHeight + 4, texts[i],
                scale.IsLight(indices[i]) ? "on-light small" : "on-dark small", Anchor.Middle);
    }

    // Labels if they fit, else numbers at round distances.
    IEnumerable<(int, string)> Labels(IReadOnlyList<string>? words, int count, double size)
    {
        if (words is not null)
        {
            if (count > MostLabels || size < 7) yield break;
            for (var i = 0; i < count; i++) yield return (i, words[i].Length <= LongestLabel ? words[i] : words[i][..(LongestLabel - 1)] + "…");
            yield break;
        }
        var step = (int)Math.Max(1, Axis.RoundSpacing(Math.Max(1, 32 / size)));
        for (var i = 0; i < count; i += step) yield return (i, (Origin + i).ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>The colour bar with its numbers.</summary>
    internal static void Bar(Picture picture, double x, double y, double height, ColorScale scale, double low, double high)
    {
        var indices = Enumerable.Range(0, 64).Select(i => (byte)(255 - i * 255 / 63)).ToArray();
        picture.Image(x, y, 14, height, Raster.Colored(indices, 1, scale));
        picture.Box(x, y, 14, height, "frame");
        foreach (var fraction in (double[])[0, 0.5, 1])
            picture.Text(x + 20, y + (1 - fraction) * height + 4, Show(low + fraction * (high - low)), "soft small");
    }

    static string Show(double value) =>
        value.ToString(Math.Abs(value) switch { >= 1000 => "0.#e0", >= 100 => "0", >= 10 => "0.#", _ => "0.##" }, CultureInfo.InvariantCulture);
}

/// <summary>256 colours from low to high, which readers with any common kind of colour blindness can distinguish.</summary>
public sealed class ColorScale
{
    readonly byte[] palette = new byte[256 * 3];

    ColorScale(params ReadOnlySpan<int> stops)
    {
        for (var i = 0; i < 256; i++)
        {
            var stop = i / 255.0 * (stops.Length - 1);
            var below = Math.Min((int)stop, stops.Length - 2);
            for (var c = 0; c < 3; c++)
            {
                int Channel(int color) => color >> 16 - 8 * c & 0xff;
                palette[3 * i + c] = (byte)Math.Round(Channel(stops[below]) + (stop - below) * (Channel(stops[below + 1]) - Channel(stops[below])));
            }
        }
    }

    /// <summary>For numbers of one sign: dark to light (viridis, by Smith and van der Walt).</summary>
    public static ColorScale Amount { get; } = new(0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6ece58, 0xb5de2b, 0xfde725);

    /// <summary>For numbers of both signs: blue, white, red (ColorBrewer's RdBu, by Brewer).</summary>
    public static ColorScale Signed { get; } = new(0x2166ac, 0x4393c3, 0x92c5de, 0xd1e5f0, 0xf7f7f7, 0xfddbc7, 0xf4a582, 0xd6604d, 0xb2182b);

    /// <summary>Red, green and blue of each of the 256 colours.</summary>
    internal ReadOnlySpan<byte> Palette => palette;

    /// <summary>Whether dark text is readable on a colour.</summary>
    /// <param name="index">From 0 to 255.</param>
    internal bool IsLight(int index) => 0.299 * palette[3 * index] + 0.587 * palette[3 * index + 1] + 0.114 * palette[3 * index + 2] > 140;

    /// <summary>The index of a value's colour; NaN has the lowest.</summary>
    internal static byte IndexOf(double value, double low, double high) =>
        double.IsNaN(value) || high <= low ? (byte)0 : (byte)Math.Clamp(Math.Round((value - low) / (high - low) * 255), 0, 255);
}

/// <summary>Numbers in rows and columns, to be drawn.</summary>
/// <param name="values">Row by row.</param>
/// <param name="columns">Numbers per row.</param>
public sealed class Matrix(double[] values, int columns)
{
    /// <summary>The number of rows.</summary>
    public int Rows => values.Length / columns;

    /// <summary>The number of columns.</summary>
    public int Columns => columns;

    /// <summary>All numbers, row by row.</summary>
    public IReadOnlyList<double> Values => values;

    /// <summary>One number.</summary>
    public double this[int row, int column] => values[row * columns + column];

    /// <summary>A tensor's numbers.</summary>
    /// <param name="tensor">[rows, columns].</param>
    public static Matrix Of(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var plain = tensor.detach().to(ScalarType.Float64).cpu().contiguous();
        return new Matrix(MemoryMarshal.Cast<byte, double>(plain.bytes).ToArray(), (int)tensor.size(1));
    }

    /// <summary>A matrix computed by a formula.</summary>
    public static Matrix Of(int rows, int columns, Func<int, int, double> formula) =>
        new([.. Enumerable.Range(0, rows * columns).Select(i => formula(i / columns, i % columns))], columns);

    /// <summary>The dot product, or the cosine, of each pair of rows.</summary>
    /// <param name="cosine">Whether to divide by the lengths of the rows.</param>
    public Matrix DotProducts(bool cosine)
    {
        using var scope = NewDisposeScope();
        var rows = tensor(values, [Rows, columns]);
        if (cosine) rows = rows / rows.norm(1, keepdim: true).clamp(1e-30);
        return Of(rows.mm(rows.t()));
    }
}
