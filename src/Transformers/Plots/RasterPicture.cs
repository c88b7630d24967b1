namespace Transformers.Plots;

/// <summary>A picture as a PNG file.</summary>
/// <param name="Png">The file's bytes.</param>
/// <param name="Width">Pixels a row.</param>
/// <param name="Height">Rows.</param>
public sealed record RasterPicture(byte[] Png, int Width, int Height);
