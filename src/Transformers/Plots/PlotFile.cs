using System.ComponentModel;
using System.Diagnostics;
using Transformers.IO;

namespace Transformers.Plots;

/// <summary>Saves pictures: SVG as it is, PNG through <c>rsvg-convert</c>.</summary>
public static class PlotFile
{
    /// <summary>The converter's command.</summary>
    public const string Converter = "rsvg-convert";

    /// <summary>What is wrong with a file's name, before anything is computed for it.</summary>
    /// <exception cref="UserException">It ends neither in <c>.svg</c> nor in <c>.png</c>.</exception>
    public static void CheckName(string path)
    {
        if (Path.GetExtension(path).ToLowerInvariant() is not (".svg" or ".png"))
            throw new UserException($"--out ({path}) must end in .svg or .png");
    }

    /// <summary>Saves a picture.</summary>
    /// <param name="svg">The SVG document.</param>
    /// <param name="path">A name that ends in <c>.svg</c> or <c>.png</c>.</param>
    /// <param name="converter">The command that makes a PNG.</param>
    /// <exception cref="UserException">The file cannot be written, or there is no converter.</exception>
    public static void Save(string svg, string path, string converter = Converter)
    {
        CheckName(path);
        if (Path.GetExtension(path).Equals(".png", StringComparison.OrdinalIgnoreCase)) DurableFile.WriteAsked(path, Convert(svg, path, converter));
        else DurableFile.WriteAsked(path, svg);
    }

    // The converter gives the bytes, and never writes a file: one half written would look finished.
    static byte[] Convert(string svg, string path, string converter)
    {
        var start = new ProcessStartInfo(converter) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        // Twice as many pixels: text stays sharp on dense screens.
        foreach (var argument in (string[])["--format", "png", "--zoom", "2"]) start.ArgumentList.Add(argument);
        try
        {
            using var process = Process.Start(start)!;
            var errors = process.StandardError.ReadToEndAsync();
            using var png = new MemoryStream();
            var reading = process.StandardOutput.BaseStream.CopyToAsync(png);
            try
            {
                process.StandardInput.Write(svg);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It ended before it had read all; its exit code tells more.
            }
            process.WaitForExit();
            reading.Wait();
            return process.ExitCode == 0 && png.Length > 0 ? png.ToArray() : throw new UserException([new Problem($"{converter} failed: {errors.Result.Trim()}", path)]);
        }
        catch (Win32Exception exception)
        {
            throw new UserException([new Problem($"PNG needs {converter}, which is not installed", path, Hint: "apt-get install librsvg2-bin, or save as .svg")], exception);
        }
    }
}
