using Transformers.IO;

namespace Transformers.Reports.Plots;

/// <summary>Saves pictures as SVG or PNG, by the file's name.</summary>
public static class PlotFile
{
    /// <summary>Finds what is wrong with a file's name before anything is computed for it.</summary>
    /// <param name="path">The file's name.</param>
    /// <param name="dark">Whether dark colours were asked for.</param>
    /// <exception cref="UserException">It ends neither in <c>.svg</c> nor in <c>.png</c>, or dark colours were asked for an SVG.</exception>
    public static void CheckName(string path, bool dark = false)
    {
        if (!IsPng(path) && !Path.GetExtension(path).Equals(".svg", StringComparison.OrdinalIgnoreCase))
            throw new UserException($"--output ({path}) must end in .svg or .png");
        if (dark && !IsPng(path)) throw new UserException($"--dark is for PNG, and --output ({path}) is an SVG, which follows the reader's setting", "leave it out, or end --output in .png");
    }

    /// <summary>Saves a picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="path">A name that ends in <c>.svg</c> or <c>.png</c>.</param>
    /// <param name="dark">Whether a PNG has the colours for dark surroundings.</param>
    /// <exception cref="UserException">The file cannot be written.</exception>
    public static void Save(Picture picture, string path, bool dark = false)
    {
        CheckName(path, dark);
        if (IsPng(path)) DurableFile.WriteAsked(path, picture.ToPng(dark));
        else DurableFile.WriteAsked(path, picture.ToSvg());
    }

    static bool IsPng(string path) => Path.GetExtension(path).Equals(".png", StringComparison.OrdinalIgnoreCase);
}
