using System.CommandLine;
using System.Globalization;
using TransformerCli.Output;
using Transformers.Benchmarks;
using Transformers.Configs;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Layers;
using Transformers.Models;
using Transformers.Native;
using Transformers.Reports.Plots;
using Transformers.Runs;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>plot</c>: figures of runs and configs.</summary>
static class PlotCommand
{
    public static Command Create(CliContext context) => new("plot", """
        Draws a run or a config as SVG or PNG.

        Example: transformer plot loss runs/gpt-stories --output loss.svg
        """)
    {
        Loss(context), Schedule(context), Positions(context), Attention(context), Patches(context), Embeddings(context), Confusion(context), Forecast(context), Spectrogram(context), CostPlotCommand.Create(context),
    };

    static Command Loss(CliContext context)
    {
        var runs = CommonOptions.Runs();
        return Kind(context, "loss", "Training and validation loss over steps.\n\nExample: transformer plot loss runs/gpt-stories", [runs], parse =>
        {
            var curves = parse.GetValue(runs)!.Select(CurveOf).ToList();
            return (curves.Count == 1 ? LossPlot.Of(curves[0]) : LossPlot.Compare(curves)).Draw();
        });
    }

    static RunCurve CurveOf(string path)
    {
        using var folder = RunFolder.OpenForReading(path);
        return new RunCurve(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder.FullPath)), [.. MetricsLog.Read(folder.MetricsFile)]);
    }

    static Command Schedule(CliContext context)
    {
        var (source, sets) = (CommonOptions.ConfigOrRun(), CommonOptions.Sets());
        return Kind(context, "schedule", "The learning rate over the steps.\n\nExample: transformer plot schedule gpt-stories --set training.schedule.kind=wsd", [source, sets], parse =>
            SchedulePlot.Of(CommonOptions.LoadConfig(parse.GetValue(source)!, parse.GetValue(sets)) as RunConfig
                ?? throw new UserException($"{parse.GetValue(source)} has only a model, so it has no schedule")).Draw());
    }

    static Command Positions(CliContext context)
    {
        var (source, sets) = (CommonOptions.ConfigOrRun(), CommonOptions.Sets());
        source.Arity = ArgumentArity.ZeroOrOne;
        source.Description += "; without one, the sines and cosines of \"Attention Is All You Need\"";
        var positions = new Option<int>("--positions") { Description = "Number of positions to show", HelpName = "N", DefaultValueFactory = _ => 50 };
        var layer = new Option<int>("--layer") { Description = "For a Swin, the block whose windows are shown, from 1", HelpName = "N", DefaultValueFactory = _ => 1 };
        var checkpoint = CommonOptions.Checkpoint();
        return Kind(context, "positions", """
            How a model encodes positions: vectors and their dot products, rotations, or biases, depending on the kind.

            Example: transformer plot positions --positions 50 --output positions.svg
            """, [source, positions, layer, sets, checkpoint], parse =>
        {
            var (shown, block) = (parse.GetValue(positions), parse.AtLeast(1, layer));
            if (parse.GetValue(source) is not { } name)
            {
                if (new Option[] { sets, layer, checkpoint }.FirstOrDefault(option => parse.Has(option)) is { } unused)
                    throw new UserException($"{unused.Name} is for a run or a config, but none was given", "name one, such as transformer plot positions gpt-stories");
                NativeLibraries.Load();
                return PositionsPlot.Draw(new SinusoidalPositionsConfig(), shown, 128, 8);
            }
            if (Directory.Exists(name) && parse.Has(sets)) throw new UserException($"--set is for a config, but {name} is a run", "leave it out");
            if (!Directory.Exists(name) && parse.Has(checkpoint)) throw new UserException($"--checkpoint is for a run, but {name} is a config", "leave it out");
            var trained = Directory.Exists(name) ? parse.OpenRun(context, name, checkpoint) : null;
            var model = ModelOf(trained?.Config ?? CommonOptions.LoadConfig(name, parse.GetValue(sets)));
            return Transformers.Kinds.Kind.For(model).DrawPositions(model, ending => trained is null ? null : StoredWeights.Find(trained.Checkpoint, ending), shown, block);
        });
    }

    static Command Attention(CliContext context)
    {
        var (run, checkpoint, device) = (CommonOptions.Run(), CommonOptions.Checkpoint(), CommonOptions.Device());
        var text = new Option<string?>("--text") { Description = "The text to show, or the sentence to translate", HelpName = "TEXT" };
        var target = new Option<string?>("--target") { Description = "The translation to show [default: the model's own]", HelpName = "TEXT" };
        var part = new Option<string>("--part") { Description = "For an encoder-decoder: attention from target to source (cross), or self-attention on either side", HelpName = "cross|encoder|decoder", DefaultValueFactory = _ => "cross" }.OneOf("cross", "encoder", "decoder");
        var image = new Option<string?>("--image") { Description = "The image to show, for a ViT or for a model of images with text", HelpName = "FILE" };
        var sound = new Option<string?>("--sound") { Description = "The WAV file to show, for an audio model", HelpName = "FILE" };
        var data = CommonOptions.Data("For a series model, a table of series [default: the run's held-out data]");
        var series = new Option<string?>("--series") { Description = "For a series model, the series to show [default: the first]", HelpName = "NAME" };
        var layer = new Option<int?>("--layer") { Description = "Only this layer, from 1", HelpName = "N" };
        var head = new Option<int?>("--head") { Description = "Only this head, from 1", HelpName = "N" };
        return Kind(context, "attention", """
            Which tokens, or patches of a series, attend to which, in every layer and head; for an image or a sound, attention combined
            over all layers; for an image with a text, attention in both directions.

            Example: transformer plot attention runs/gpt-stories --text "Once upon a time" --layer 1 --head 2
            """, [run, text, target, part, image, sound, data, series, layer, head, checkpoint, device], parse =>
        {
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            return Transformers.Kinds.Kind.For(trained).DrawAttention(trained,
                new AttentionSubject
                {
                    Text = parse.GetValue(text), Target = parse.GetValue(target), Image = parse.GetValue(image), Sound = parse.GetValue(sound), Table = parse.GetValue(data), Series = parse.GetValue(series), Part = Enum.Parse<AttentionPart>(parse.GetValue(part)!, ignoreCase: true),
                    Choice = new AttentionChoice(parse.GetValue(layer), parse.GetValue(head)),
                }, parse.ResolveDevice(context, device));
        });
    }

    static Command Patches(CliContext context)
    {
        var (run, checkpoint) = (CommonOptions.Run(), CommonOptions.Checkpoint());
        var image = new Option<string?>("--image") { Description = "Also show this image cut into patches", HelpName = "FILE" };
        return Kind(context, "patches", """
            The filters of the patch embedding, and with --image the patches of an image.

            Example: transformer plot patches runs/vit-digits --image digit.png
            """, [run, image, checkpoint], parse =>
        {
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            return Transformers.Kinds.Kind.For(trained).DrawPatches(trained, parse.GetValue(image));
        });
    }

    static Command Embeddings(CliContext context)
    {
        var (run, checkpoint) = (CommonOptions.Run(), CommonOptions.Checkpoint());
        var text = new Option<string?>("--text") { Description = "Compare the embeddings of this text's tokens instead", HelpName = "TEXT" };
        return Kind(context, "embeddings", """
            The similarity of learned embeddings: of positions or, with --text, of tokens.

            Example: transformer plot embeddings runs/shakespeare-char --text "aeiou AEIOU"
            """, [run, text, checkpoint], parse =>
        {
            NativeLibraries.Load();
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            if (parse.GetValue(text) is { } words)
            {
                if (Transformers.Kinds.Kind.For(trained).Input == ModelInput.Images) throw new UserException($"--text is for models of text, but the run is of kind {KindAttribute.Of(trained.Config.Model)}", "leave it out");
                using var table = StoredWeights.Find(trained.Checkpoint, "tok_emb.weight") ?? StoredWeights.Find(trained.Checkpoint, "src_emb.weight") ?? throw new UserException("the run has no token embeddings");
                return EmbeddingsPlot.Tokens(table, trained.LoadTokenizer(), words).Draw();
            }
            using var vectors = StoredWeights.Find(trained.Checkpoint, "pos_emb.weight", dimensions: 2)
                ?? throw new UserException("the run has no learned position embeddings", "transformer plot positions draws other kinds; --text compares tokens");
            return PositionsPlot.Similarity(Matrix.Of(vectors)).Draw();
        });
    }

    static Command Forecast(CliContext context)
    {
        var (run, checkpoint, device) = (CommonOptions.Run(), CommonOptions.Checkpoint(), CommonOptions.Device());
        var data = CommonOptions.Data("Forecast the steps after the end of this table [default: the run's last held-out window]");
        var series = new Option<string?>("--series") { Description = "The series to show [default: the first]", HelpName = "NAME" };
        return Kind(context, "forecast", """
            A forecast next to the actual values, with the band between its lowest and highest quantiles.

            Example: transformer plot forecast runs/series --output forecast.svg
            """, [run, data, series, checkpoint, device], parse =>
        {
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            return Transformers.Kinds.Kind.For(trained).DrawForecast(trained, parse.GetValue(data), parse.GetValue(series), parse.ResolveDevice(context, device));
        });
    }

    static Command Spectrogram(CliContext context)
    {
        var file = new Argument<string>("FILE") { Description = "A WAV file" };
        var mels = new Option<int>("--mels") { Description = "Number of frequency bands", HelpName = "N", DefaultValueFactory = _ => 128 };
        return Kind(context, "spectrogram", "The log-mel spectrogram of a recording, as an audio model sees it.\n\nExample: transformer plot spectrogram word.wav --output word.png", [file, mels], parse =>
        {
            var bands = parse.AtLeast(8, mels);
            if (bands > 512) throw new UserException($"--mels ({bands}) must be at most 512");
            NativeLibraries.Load();
            return SpectrogramPlot.Read(parse.GetValue(file)!, bands);
        });
    }

    static Command Confusion(CliContext context)
    {
        var file = new Argument<string>("FILE|RUN") { Description = "The output of eval --json, or the folder of a run whose result has a confusion matrix", HelpName = "FILE|RUN", CompletionSources = { Completions.Runs } };
        return Kind(context, "confusion", "The confusion matrix of a classifier: actual classes against predicted ones.\n\nExample: transformer plot confusion eval.json --output confusion.png", [file], parse =>
            ConfusionPlot.Read(ResultOf(parse.GetValue(file)!)).Draw());
    }

    static string ResultOf(string given)
    {
        if (!Directory.Exists(given)) return given;
        var result = Path.Combine(given, "result.json");
        return File.Exists(result) ? result : throw new UserException([new Problem("has no result.json, which a run has once it has finished", given, Hint: $"pass the output of transformer eval {given} --json")]);
    }

    static Command Kind(CliContext context, string name, string description, IReadOnlyList<Symbol> symbols, Func<ParseResult, Picture> draw)
    {
        var output = CommonOptions.Output($"The file, .svg or .png [default: {name}.svg]");
        var dark = new Option<bool>("--dark") { Description = "Dark colours for a PNG; an SVG follows the reader's setting" };
        return context.Create(name, description, [output, dark, .. symbols], (parse, _) =>
        {
            var path = parse.GetValue(output) ?? name + ".svg";
            PlotFile.CheckName(path, parse.GetValue(dark));
            PlotFile.Save(draw(parse), path, parse.GetValue(dark));
            return context.Print(parse, new { Schema = "transformer.plot/1", Kind = name, Path = path }, writer => writer.WriteLine(path));
        });
    }

    internal static ModelConfig ModelOf(object config) => config switch
    {
        RunConfig run => run.Model.WithData(run.Data),
        _ => ((ModelFragment)config).Model,
    };
}

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
        return context.Create("cost", """
            Memory and time of attention over all pixels, over patches, and within windows, as a function of the image's side: from the formulas, and measured.

            Example: transformer plot cost --sides 32,64,128,224 --output cost.svg
            """, [sides, patch, windowPatch, window, width, heads, noMeasure, most, output, dark, device], (parse, _) =>
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
            return context.Print(parse, new { Schema = "transformer.plot/1", Kind = "cost", Path = path, Points = points }, writer => Print(writer, points, path));
        });
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
