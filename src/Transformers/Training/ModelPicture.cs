namespace Transformers.Training;

/// <summary>A picture that a run makes of its model when it is validated.</summary>
/// <param name="Name">Its name, such as <c>attention</c>.</param>
/// <param name="Svg">The picture as an SVG document, for reports.</param>
/// <param name="Raster">Its cells as pixels, for readers that show no SVG; null for none.</param>
public sealed record ModelPicture(string Name, string Svg, RasterPicture? Raster = null);

/// <summary>A picture as a PNG file.</summary>
/// <param name="Png">The file's bytes.</param>
/// <param name="Width">Pixels a row.</param>
/// <param name="Height">Rows.</param>
public sealed record RasterPicture(byte[] Png, int Width, int Height);

/// <summary>What a model made of an example, for a person to read.</summary>
/// <param name="Input">What it was given.</param>
/// <param name="Output">What it made of it.</param>
/// <param name="Reference">What was wanted.</param>
public sealed record OutputExample(string Input, string Output, string Reference);

/// <summary>What a classifier took for what.</summary>
/// <param name="Rows">A row a class, a column a prediction.</param>
/// <param name="Labels">The names of the classes.</param>
public sealed record ConfusionCounts(IReadOnlyList<IReadOnlyList<long>> Rows, IReadOnlyList<string> Labels);
