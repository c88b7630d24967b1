using System.Globalization;
using Transformers.Data.Images;
using Transformers.IO.Images;

namespace TransformerCli.Commands;

/// <summary>The part of <c>data inspect</c> that is about images.</summary>
static class DataInspectImages
{
    /// <summary>Whether a path is a set of images: an archive or pixel file of a known kind, or a folder with an image in it.</summary>
    internal static bool Is(string path)
    {
        if (Directory.Exists(path))
            return Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Take(1000).Any(IsPicture);
        return path.EndsWith(".tar", StringComparison.OrdinalIgnoreCase) || IsPicture(path);
    }

    // IDX files have no ending of their own.
    static bool IsPicture(string path) => ImageFiles.HasImageName(path) || Path.GetFileName(path).Contains("-ubyte", StringComparison.Ordinal);

    internal static int Write(CliContext context, string path, bool json)
    {
        var report = ImageInspection.Inspect(path);
        if (json)
        {
            context.WriteJson(new { Schema = "transformer.data.inspect/1", Contents = "images", Report = report });
            return ExitCodes.Done;
        }
        var (output, culture) = (context.Out, CultureInfo.InvariantCulture);
        output.WriteLine(string.Create(culture, $"images      {report.Images:N0} ({report.Kind}), {report.MinWidth}x{report.MinHeight} to {report.MaxWidth}x{report.MaxHeight}, {report.Grey:N0} grey"));
        output.WriteLine($"formats     {string.Join(", ", report.Formats.Select(format => $"{format.Value} {format.Key}"))}");
        output.WriteLine(string.Create(culture, $"mean, std   [{string.Join(", ", report.Mean.Select(m => m.ToString("F3", culture)))}], [{string.Join(", ", report.Std.Select(s => s.ToString("F3", culture)))}]"));
        foreach (var one in report.Classes)
            output.WriteLine($"class       {one.Name}: {(one.Unsplit > 0 ? $"{one.Unsplit}" : $"{one.Train} train, {one.Validation} validation, {one.Test} test")}");
        output.WriteLine($"duplicates  {report.Duplicates}, of which across splits {report.DuplicatesAcrossSplits}");
        foreach (var fault in report.UnreadableFiles.Take(10)) output.WriteLine($"unreadable  {fault.Name}: {fault.Message}");
        if (report.Unreadable > 10) output.WriteLine($"unreadable  {report.Unreadable} in all");
        if (report.IgnoredFiles > 0) output.WriteLine($"ignored     {report.IgnoredFiles} files that are no images by their name");
        return ExitCodes.Done;
    }
}
