namespace Transformers.Generators.Drawing;

/// <summary>How far drawn images stray from a neat figure in the middle; lengths are parts of the image's side.</summary>
public sealed record DrawingStyle
{
    /// <summary>Digits and letters: what a linear classifier on the pixels gets wrong and a person reads at a glance.</summary>
    public static readonly DrawingStyle Written = new();

    /// <summary>Figures: they may stand on any corner.</summary>
    public static readonly DrawingStyle Figures = new() { Rotation = 180, Wobble = 0.04, DarkInk = 0.5 };

    /// <summary>Greatest turn either way, in degrees.</summary>
    public double Rotation { get; init; } = 20;
    /// <summary>Greatest slant either way.</summary>
    public double Shear { get; init; } = 0.25;
    /// <summary>Least height of the figure.</summary>
    public double MinScale { get; init; } = 0.5;
    /// <summary>Greatest height of the figure.</summary>
    public double MaxScale { get; init; } = 0.75;
    /// <summary>How far the pen misses its points (deviation, as a part of the figure).</summary>
    public double Wobble { get; init; } = 0.035;
    /// <summary>Least width of a stroke.</summary>
    public double MinPen { get; init; } = 0.06;
    /// <summary>Greatest width of a stroke.</summary>
    public double MaxPen { get; init; } = 0.12;
    /// <summary>Greatest number of stray strokes and blots.</summary>
    public int Clutter { get; init; } = 3;
    /// <summary>Greatest deviation of the noise, of values from 0 to 1.</summary>
    public double Noise { get; init; } = 0.08;
    /// <summary>Probability that the ink is darker than the ground; 0 is chalk on a board.</summary>
    public double DarkInk { get; init; }
    /// <summary>Least difference in brightness between figure and ground, 0 to 1.</summary>
    public double Contrast { get; init; } = 0.35;
}
