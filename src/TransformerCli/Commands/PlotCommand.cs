using System.CommandLine;
using Transformers.Configs;
using Transformers.Data.Images;
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

/// <summary><c>plot</c>: pictures of runs and configs.</summary>
static class PlotCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context) => new("plot", """
        Draws a run or a config as SVG or PNG.

        Example: transformer plot loss runs/gpt-stories --out loss.svg
        """)
    {
        Loss(context), Schedule(context), Positions(context), Attention(context), Patches(context), Embeddings(context), Confusion(context),
    };

    static Command Loss(CliContext context)
    {
        var runs = new Argument<string[]>("RUN") { Description = "Run folders; several are compared", Arity = ArgumentArity.OneOrMore };
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
        var (source, sets) = (Source("RUN|CONFIG"), Sets());
        return Kind(context, "schedule", "The learning rate over the steps.\n\nExample: transformer plot schedule gpt-stories --set training.schedule.kind=wsd", [source, sets], parse =>
            SchedulePlot.Of(RunOrConfig.Load(parse.GetValue(source)!, parse.GetValue(sets)) as RunConfig
                ?? throw new UserException($"{parse.GetValue(source)} is a model alone, and has no schedule")).Draw());
    }

    static Command Positions(CliContext context)
    {
        var (source, sets) = (Source("RUN|CONFIG"), Sets());
        source.Arity = ArgumentArity.ZeroOrOne;
        source.Description += "; without one, the sines and cosines of the paper";
        var places = new Option<int>("--places") { Description = "Places to show", HelpName = "N", DefaultValueFactory = _ => 50 };
        var layer = new Option<int>("--layer") { Description = "The block of a Swin whose windows are shown, from 1", HelpName = "N", DefaultValueFactory = _ => 1 };
        var checkpoint = Checkpoint();
        return Kind(context, "positions", """
            What tells a model where a token stands: vectors and their dot products, rotations, or biases, by the kind.

            Example: transformer plot positions --places 50 --out positions.svg
            """, [source, places, layer, sets, checkpoint], parse =>
        {
            var shown = parse.GetValue(places);
            if (parse.GetValue(source) is not { } name)
            {
                if (new Option[] { sets, layer, checkpoint }.FirstOrDefault(option => OptionUse.Has(parse, option)) is { } vain)
                    throw new UserException($"{vain.Name} is for a run or a config, and none is given", "put it first: transformer plot positions gpt-stories");
                NativeLibraries.Load();
                return PositionsPlot.Draw(new SinusoidalPositions(), shown, 128, 8);
            }
            if (Directory.Exists(name) && OptionUse.Has(parse, sets)) throw new UserException($"--set is for a config, and {name} is a run, whose weights are shown", "leave it out");
            if (!Directory.Exists(name) && OptionUse.Has(parse, checkpoint)) throw new UserException($"--checkpoint is for a run, and {name} is a config", "leave it out");
            var trained = Directory.Exists(name) ? TrainedRun.Open(name, parse.GetValue(checkpoint)) : null;
            var model = ModelOf(trained?.Config ?? RunOrConfig.Load(name, parse.GetValue(sets)));
            return RunPlots.Positions(model, ending => trained is null ? null : StoredWeights.Find(trained.Checkpoint, ending), shown, parse.GetValue(layer));
        });
    }

    static Command Attention(CliContext context)
    {
        var (run, checkpoint, device) = (Source("RUN"), Checkpoint(), DeviceOption.Create());
        var text = new Option<string?>("--text") { Description = "The text to read, or the sentence to translate", HelpName = "TEXT" };
        var target = new Option<string?>("--target") { Description = "The translation to look at [default: the model's own]", HelpName = "TEXT" };
        var part = new Option<string>("--part") { Description = "Of an encoder-decoder: the target's tokens to the source's (cross), or either side's to its own", HelpName = "cross|encoder|decoder", DefaultValueFactory = _ => "cross" };
        part.AcceptOnlyFromAmong("cross", "encoder", "decoder");
        var image = new Option<string?>("--image") { Description = "The image to look at, for a ViT", HelpName = "FILE" };
        var layer = new Option<int?>("--layer") { Description = "This layer alone, from 1", HelpName = "N" };
        var head = new Option<int?>("--head") { Description = "This head alone, from 1", HelpName = "N" };
        return Kind(context, "attention", """
            Which token attends to which, in every layer and head; over an image, what all layers together look at.

            Example: transformer plot attention runs/gpt-stories --text "Once upon a time" --layer 1 --head 2
            """, [run, text, target, part, image, layer, head, checkpoint, device], parse => RunPlots.Attention(
                TrainedRun.Open(parse.GetValue(run)!, parse.GetValue(checkpoint)),
                new AttentionSubject
                {
                    Text = parse.GetValue(text), Target = parse.GetValue(target), Image = parse.GetValue(image), Part = Enum.Parse<AttentionPart>(parse.GetValue(part)!, ignoreCase: true),
                    Choice = new AttentionChoice(parse.GetValue(layer), parse.GetValue(head)),
                }, DeviceOption.Resolve(parse.GetValue(device))));
    }

    static Command Patches(CliContext context)
    {
        var (run, checkpoint) = (Source("RUN"), Checkpoint());
        var image = new Option<string?>("--image") { Description = "Show this image cut into patches too", HelpName = "FILE" };
        return Kind(context, "patches", """
            What the layer that embeds patches looks for, and with --image the patches of an image.

            Example: transformer plot patches runs/vit-digits --image digit.png
            """, [run, image, checkpoint], parse => RunPlots.Patches(TrainedRun.Open(parse.GetValue(run)!, parse.GetValue(checkpoint)), parse.GetValue(image)));
    }

    static Command Embeddings(CliContext context)
    {
        var (run, checkpoint) = (Source("RUN"), Checkpoint());
        var text = new Option<string?>("--text") { Description = "Compare the embeddings of this text's tokens instead", HelpName = "TEXT" };
        return Kind(context, "embeddings", """
            How alike learned embeddings are: those of places, or with --text those of tokens.

            Example: transformer plot embeddings runs/shakespeare-char --text "aeiou AEIOU"
            """, [run, text, checkpoint], parse =>
        {
            NativeLibraries.Load();
            var trained = TrainedRun.Open(parse.GetValue(run)!, parse.GetValue(checkpoint));
            if (parse.GetValue(text) is { } words)
            {
                if (trained.Config.Model is ImageModelConfig) throw new UserException($"--text is for models of text, and the run is of kind {KindAttribute.Of(trained.Config.Model)}", "leave it out");
                using var table = StoredWeights.Find(trained.Checkpoint, "tokens.weight") ?? throw new UserException("the run has no token embeddings");
                return EmbeddingsPlot.Tokens(table, trained.LoadTokenizer(), words).Draw();
            }
            using var places = StoredWeights.Find(trained.Checkpoint, "positions.embedding.weight")
                ?? throw new UserException("the run has no learned vectors of places", "transformer plot positions draws other kinds; --text compares tokens");
            return PositionsPlot.Similarity(Matrix.Of(places)).Draw();
        });
    }

    static Command Confusion(CliContext context)
    {
        var file = Source("FILE|RUN");
        file.Description = "What eval --json printed, or the folder of a run whose result has a confusion matrix";
        return Kind(context, "confusion", "What a classifier takes for what.\n\nExample: transformer plot confusion eval.json --out confusion.png", [file], parse =>
            ConfusionPlot.Read(Directory.Exists(parse.GetValue(file)) ? Path.Combine(parse.GetValue(file)!, "result.json") : parse.GetValue(file)!).Draw());
    }

    static Command Kind(CliContext context, string name, string description, IReadOnlyList<Symbol> symbols, Func<ParseResult, Picture> draw)
    {
        var output = new Option<string?>("--out") { Description = $"The file, .svg or .png [default: {name}.svg]", HelpName = "FILE" };
        var dark = new Option<bool>("--dark") { Description = "Colours for dark surroundings in a PNG; an SVG follows the reader's setting" };
        var command = new Command(name, description) { output, dark };
        foreach (var symbol in symbols)
            if (symbol is Argument argument) command.Add(argument);
            else command.Add((Option)symbol);
        context.Handle(command, (parse, _) =>
        {
            var path = parse.GetValue(output) ?? name + ".svg";
            PlotFile.CheckName(path, parse.GetValue(dark));
            PlotFile.Save(draw(parse), path, parse.GetValue(dark));
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema = "transformer.plot/1", Kind = name, Path = path });
            else context.Out.WriteLine(path);
            return ExitCodes.Done;
        });
        return command;
    }

    internal static ModelConfig ModelOf(object config) => config switch
    {
        RunConfig { Model: ImageModelConfig images, Data: ImageDataConfig data } => images with { Size = images.Size ?? data.Input.Size },
        RunConfig run => run.Model,
        _ => ((ModelFragment)config).Model,
    };

    static Argument<string> Source(string name) => new(name) { Description = name == "RUN" ? "A run folder or a checkpoint folder" : "A run folder, a config file or the name of a ready config" };

    static Option<string[]> Sets() => new("--set") { Description = "Change a setting of a config, such as model.layers=12", HelpName = "k=v", AllowMultipleArgumentsPerToken = true };

    static Option<string?> Checkpoint() => new("--checkpoint") { Description = "best, latest or a step [default: best, else latest]", HelpName = "best|latest|N" };
}
