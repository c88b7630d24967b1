using System.CommandLine;
using Transformers;
using Transformers.Configs;
using Transformers.Models;
using Transformers.Plots;
using Transformers.Runs;

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
        Loss(context), Schedule(context), Positions(context), Attention(context), Embeddings(context), Confusion(context),
    };

    static Command Loss(CliContext context)
    {
        var runs = new Argument<string[]>("RUN") { Description = "Run folders; several are compared", Arity = ArgumentArity.OneOrMore };
        return Kind(context, "loss", "Training and validation loss over steps.\n\nExample: transformer plot loss runs/gpt-stories", [runs], parse =>
        {
            var curves = parse.GetValue(runs)!.Select(CurveOf).ToList();
            return (curves.Count == 1 ? LossPlot.Of(curves[0]) : LossPlot.Compare(curves)).ToSvg();
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
                ?? throw new UserException($"{parse.GetValue(source)} is a model alone, and has no schedule")).ToSvg());
    }

    static Command Positions(CliContext context)
    {
        var (source, sets) = (Source("RUN|CONFIG"), Sets());
        source.Arity = ArgumentArity.ZeroOrOne;
        source.Description += "; without one, the sines and cosines of the paper";
        var places = new Option<int>("--places") { Description = "Places to show", HelpName = "N", DefaultValueFactory = _ => 50 };
        var checkpoint = Checkpoint();
        return Kind(context, "positions", """
            What tells a model where a token stands: vectors and their dot products, rotations, or biases, by the kind.

            Example: transformer plot positions --places 50 --out positions.svg
            """, [source, places, sets, checkpoint], parse =>
        {
            Engine.Load();
            var shown = parse.GetValue(places);
            if (parse.GetValue(source) is not { } name) return PositionsPlot.Draw(new SinusoidalPositions(), shown, 128, 8);
            var model = ModelOf(RunOrConfig.Load(name, parse.GetValue(sets), parse.GetValue(checkpoint)));
            if (model is not GptConfig gpt) throw new UserException($"a model of kind {KindAttribute.Of(model)} has no positions to draw here");
            var ending = gpt.Positions is LearnedPositions ? "positions.embedding.weight" : gpt.Positions is RelativePositions ? "positions.table.weight" : null;
            return PositionsPlot.Draw(gpt.Positions, Math.Min(shown, gpt.Context), gpt.Width, gpt.Heads, ending is null ? null : Learnt(name, parse.GetValue(checkpoint), ending));
        });
    }

    static Matrix? Learnt(string name, string? which, string ending)
    {
        if (!Directory.Exists(name)) return null;
        using var tensor = StoredWeights.Find(TrainedRun.Open(name, which).Checkpoint, ending);
        return tensor is null ? null : Matrix.Of(tensor);
    }

    static Command Attention(CliContext context)
    {
        var (run, checkpoint, device) = (Source("RUN"), Checkpoint(), DeviceOption.Create());
        var text = new Option<string>("--text") { Description = "The text to read", HelpName = "TEXT", Required = true };
        var layer = new Option<int?>("--layer") { Description = "This layer alone, from 1", HelpName = "N" };
        var head = new Option<int?>("--head") { Description = "This head alone, from 1", HelpName = "N" };
        return Kind(context, "attention", """
            Which token attends to which, in every layer and head.

            Example: transformer plot attention runs/gpt-stories --text "Once upon a time" --layer 1 --head 2
            """, [run, text, layer, head, checkpoint, device], parse =>
        {
            var trained = TrainedRun.Open(parse.GetValue(run)!, parse.GetValue(checkpoint));
            var where = DeviceOption.Resolve(parse.GetValue(device));
            Engine.Load();
            var tokenizer = trained.LoadTokenizer();
            using var model = trained.LoadLanguageModel(tokenizer, where);
            return AttentionPlot.Of(model, tokenizer, parse.GetValue(text)!, where, parse.GetValue(layer), parse.GetValue(head)).ToSvg();
        });
    }

    static Command Embeddings(CliContext context)
    {
        var (run, checkpoint) = (Source("RUN"), Checkpoint());
        var text = new Option<string?>("--text") { Description = "Compare the embeddings of this text's tokens instead", HelpName = "TEXT" };
        return Kind(context, "embeddings", """
            How alike learned embeddings are: those of places, or with --text those of tokens.

            Example: transformer plot embeddings runs/shakespeare-char --text "aeiou AEIOU 123"
            """, [run, text, checkpoint], parse =>
        {
            Engine.Load();
            var trained = TrainedRun.Open(parse.GetValue(run)!, parse.GetValue(checkpoint));
            if (parse.GetValue(text) is { } words)
            {
                using var table = StoredWeights.Find(trained.Checkpoint, "tokens.weight") ?? throw new UserException("the run has no token embeddings");
                return EmbeddingsPlot.Tokens(table, trained.LoadTokenizer(), words).ToSvg();
            }
            using var places = StoredWeights.Find(trained.Checkpoint, "positions.embedding.weight")
                ?? throw new UserException("the run has no learned vectors of places", "transformer plot positions draws other kinds; --text compares tokens");
            return PositionsPlot.Similarity(Matrix.Of(places)).ToSvg();
        });
    }

    static Command Confusion(CliContext context)
    {
        var file = Source("FILE|RUN");
        file.Description = "What eval --json printed, or the folder of a run whose result has a confusion matrix";
        return Kind(context, "confusion", "What a classifier takes for what.\n\nExample: transformer plot confusion eval.json --out confusion.png", [file], parse =>
            ConfusionPlot.Read(Directory.Exists(parse.GetValue(file)) ? Path.Combine(parse.GetValue(file)!, "result.json") : parse.GetValue(file)!).ToSvg());
    }

    static Command Kind(CliContext context, string name, string description, IReadOnlyList<Symbol> symbols, Func<ParseResult, string> draw)
    {
        var output = new Option<string?>("--out") { Description = $"The file, .svg or .png [default: {name}.svg]", HelpName = "FILE" };
        var command = new Command(name, description) { output };
        foreach (var symbol in symbols)
            if (symbol is Argument argument) command.Add(argument);
            else command.Add((Option)symbol);
        context.Handle(command, (parse, _) =>
        {
            var path = parse.GetValue(output) ?? name + ".svg";
            PlotFile.CheckName(path);
            PlotFile.Save(draw(parse), path);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema = "transformer.plot/1", Kind = name, Path = path });
            else context.Out.WriteLine(path);
            return ExitCodes.Done;
        });
        return command;
    }

    internal static ModelConfig ModelOf(object config) => config is RunConfig run ? run.Model : ((ModelFragment)config).Model;

    static Argument<string> Source(string name) => new(name) { Description = name == "RUN" ? "A run folder or a checkpoint folder" : "A run folder, a config file or the name of a ready config" };

    static Option<string[]> Sets() => new("--set") { Description = "Change a setting of a config, such as model.layers=12", HelpName = "k=v", AllowMultipleArgumentsPerToken = true };

    static Option<string?> Checkpoint() => new("--checkpoint") { Description = "best, latest or a step [default: best, else latest]", HelpName = "best|latest|N" };
}
