using System.Text;
using SkiaSharp;

namespace Transformers.Reports.Plots;

/// <summary>Which part of a text is at its point.</summary>
enum Anchor
{
    Start,
    Middle,
    End,
}

/// <summary>A text on one line.</summary>
sealed record Label(double X, double Y, string Text, string Style, Anchor Anchor, double Turn) : Shape(Style)
{
    internal override void Write(StringBuilder svg)
    {
        var turned = Turn == 0 ? "" : Format($" transform=\"rotate({Turn:0.##} {X:0.##} {Y:0.##})\"");
        var anchor = Anchor switch { Anchor.Middle => "middle", Anchor.End => "end", _ => "start" };
        svg.Append(Format($"<text class=\"{Style}\" x=\"{X:0.##}\" y=\"{Y:0.##}\" text-anchor=\"{anchor}\"{turned}>{Escape(Text)}</text>\n"));
    }

    internal override void Paint(SKCanvas canvas, bool dark)
    {
        var style = PlotStyle.Of(Style);
        using var paint = style.FillPaint(dark);
        if (paint is null) return;
        var pieces = Typeface.Pieces(Visible(Text), style.Bold);
        var fonts = pieces.ConvertAll(piece => Typeface.Font(piece.Face, style.Size));
        var widths = pieces.Zip(fonts, (piece, font) => font.MeasureText(piece.Text)).ToArray();
        var x = (float)X - widths.Sum() * Anchor switch { Anchor.Middle => 0.5f, Anchor.End => 1, _ => 0 };
        canvas.Save();
        canvas.RotateDegrees((float)Turn, (float)X, (float)Y);
        for (var i = 0; i < pieces.Count; i++)
        {
            canvas.DrawText(pieces[i].Text, x, (float)Y, SKTextAlign.Left, fonts[i], paint);
            x += widths[i];
        }
        canvas.Restore();
        foreach (var font in fonts) font.Dispose();
    }

    /// <summary>The text with the characters that have a meaning in XML escaped.</summary>
    internal static string Escape(string text) =>
        Visible(text).Replace("&", "&amp;").Replace("<", "&lt;").Replace(">", "&gt;").Replace("\"", "&quot;");

    // What XML cannot hold and nobody can see.
    static string Visible(string text)
    {
        var visible = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            visible.Append(rune.Value is < 0x20 or 0x7f or 0xfffe or 0xffff ? "\u25a1" : rune.ToString());
        return visible.ToString();
    }
}
