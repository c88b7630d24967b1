using System.CommandLine;
using System.Globalization;
using TransformerCli.Output;
using Transformers.Benchmarks;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Layers;
using Transformers.Reports.Plots;

namespace TransformerCli.Commands;

/// <summary><c>plot cost</c>: what attention over pixels, patches and windows costs.</summary>
static class CostPlotCommand
{
    internal static Command Create(CliContext context)
    {
        var standard = new AttentionCostOptions();
        var sides = new Option<string>("--sides") { Description = "The sides of the images in pixels, separated by commas", HelpName = "N,N", DefaultValueFactory = _ => string.Join(',', standard.Sides) };
        var patch = Number("--patch", "Side of a ViT's patches, in pixels", standard.Patch);
        var windowPatch = Number("--window-patch", "Side of the patches within windows, in pixels", standard.WindowPatch);
        var window = Number("--window", "Side of a window, in patches", standard.Window);
        var (width, heads) = (Number("--width", "The width of the model", standard.Width), Number("--heads", "The number of attention heads", standard.Heads));
        var noMeasure = new Option<bool>("--no-measure") { Description = "Draw the formulas only" };
        var most = new Option<string>("--most") { Description = "The maximum memory for a measurement", HelpName = "SIZE", DefaultValueFactory = _ => "1GB" };
        var output = CommonOptions.Output("The file, .svg or .png [default: cost.svg]");
        var dark = new Option<bool>("--dark") { Description = "Dark colours for a PNG; an SVG follows the reader's setting" };
        var device = CommonOptions.Device();
        var command = new Command("cost", """
            Memory and time of attention over all pixels, over patches, and within windows, by the image's side: from the formulas, and measured.

            Example: transformer plot cost --sides 32,64,128,224 --output cost.svg
            """)
        {
            sides, patch, windowPatch, window, width, heads, noMeasure, most, output, dark, device,
        };
        context.Handle(command, (parse, _) =>
        {
            var path = parse.GetValue(output) ?? "cost.svg";
            PlotFile.CheckName(path, parse.GetValue(dark));
            var options = new AttentionCostOptions
            {
                Sides = SidesOf(parse.GetValue(sides)!), Patch = parse.AtLeast(1, patch), WindowPatch = parse.AtLeast(1, windowPatch), Window = parse.AtLeast(1, window),
                Width = parse.AtLeast(1, width), Heads = parse.AtLeast(1, heads), Measure = !parse.GetValue(noMeasure),
                MostBytes = ByteSize.TryParse(parse.GetValue(most)!, out var size) ? size.Bytes : throw new UserException($"--most ({parse.GetValue(most)}) must be a size such as 1GB"),
            };
            var where = parse.ResolveDevice(context, device);
            context.Error.Progress.Show("measuring attention");
            var points = AttentionCost.Of(options, where);
            PlotFile.Save(AttentionCost.Draw(points, MachinePeaks.FlopsPerSecond(where, Precision.Fp32)), path, parse.GetValue(dark));
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema = "transformer.plot/1", Kind = "cost", Path = path, Points = points });
            else Print(context.Out, points, path);
            return ExitCodes.Done;
        });
        return command;
    }

    static Option<int> Number(string name, string description, int standard) => new(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => standard };

    static IReadOnlyList<int> SidesOf(string text)
    {
        const int most = 16_384;
        List<int> sides = [.. text.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var side) && side is >= 1 and <= most ? side
            : throw new UserException($"--sides ({text}) must be whole numbers from 1 to {most}, separated by commas", "for example --sides 32,64,128,224"))];
        return sides.Distinct().Count() > 1 ? sides : throw new UserException($"--sides ({text}) must be at least two different numbers", "for example --sides 32,64,128,224");
    }

    static void Print(TextWriter writer, IReadOnlyList<AttentionCostPoint> points, string path)
    {
        var table = new TextTable("kind", ">side", ">tokens", ">weights", ">bytes", ">measured", ">flops", ">seconds");
        foreach (var point in points)
            table.Add(point.Kind, $"{point.Side}", $"{point.Tokens}", ProgressText.Si(point.Weights).TrimEnd(), $"{ProgressText.Si(point.Bytes)}B", point.MeasuredBytes is { } bytes ? $"{ProgressText.Si(bytes)}B" : "",
                $"{ProgressText.Si(point.Flops)}FLOP", point.MeasuredSeconds is { } seconds ? seconds.ToString("0.0000", CultureInfo.InvariantCulture) : "");
        table.Write(writer);
        writer.WriteLine(path);
    }
}
