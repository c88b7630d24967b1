using Transformers.Checkpoints;
using Transformers.Interchange;
using Transformers.Interchange.HuggingFace;

namespace TransformerCli.Commands;

/// <summary><c>export</c>: writes a run's model in the format of other programs.</summary>
static class ExportCommand
{
    public static Command Create(CliContext context)
    {
        var (run, checkpoint) = (CommonOptions.Run(), CommonOptions.Checkpoint());
        var to = new Option<string>("--to") { Description = "The format: huggingface, onnx or gguf", HelpName = "FORMAT", Required = true }.OneOf("huggingface", "onnx", "gguf");
        var output = new Option<string>("--output") { Description = "The new folder; for gguf the new file", HelpName = "PATH", Required = true };
        var type = new Option<string?>("--type") { Description = "How weights are stored: f32, f16 or bf16, and for gguf also q8_0 [default: f32]", HelpName = "TYPE" }.OneOf("f32", "f16", "bf16", "q8_0");
        var quantize = new Option<string?>("--quantize") { Description = "Store the weight matrices in 8 bits (int8), for onnx", HelpName = "int8" }.OneOf("int8");
        var shard = new Option<string?>("--shard-size") { Description = "The maximum size of one weight file, for huggingface [default: 5GB]", HelpName = "SIZE" };
        var weights = new Option<string?>("--weights") { Description = "Whether an ONNX graph's weights are stored inside its file or beside it [default: inside up to 1.8 GB]", HelpName = "inside|beside" }.OneOf("inside", "beside");
        return context.Create("export", """
            Writes a run's model and its tokenizer in another program's format: Hugging Face's transformers, ONNX Runtime, or llama.cpp.

            Example: transformer export runs/gpt-stories --to huggingface --output exported/gpt-stories
            """, [run, to, output, type, quantize, shard, weights, checkpoint], (parse, _) =>
        {
            if (parse.Has(type) && parse.Has(quantize)) throw new UserException("--type and --quantize must not both be given", "--quantize int8 already sets the type");
            var format = Enum.Parse<ExportFormat>(parse.GetValue(to)!, ignoreCase: true);
            if (parse.Has(quantize) && format != ExportFormat.Onnx) throw new UserException("--quantize int8 is for --to onnx", format == ExportFormat.Gguf ? "--type q8_0 has 8 bits" : "leave it out");
            if (parse.Has(shard) && format != ExportFormat.HuggingFace) throw new UserException("--shard-size is for --to huggingface", "leave it out");
            if (parse.Has(weights) && format != ExportFormat.Onnx) throw new UserException("--weights is for --to onnx", "leave it out");
            var trained = parse.OpenRun(context, parse.GetValue(run)!, checkpoint);
            var request = new ExportRequest
            {
                Format = format,
                Output = parse.GetValue(output)!,
                Type = (parse.GetValue(type) ?? parse.GetValue(quantize)) is { } name ? Enum.Parse<ExportType>(name, ignoreCase: true) : null,
                WeightsBeside = parse.GetValue(weights) is { } where ? where == "beside" : null,
            };
            if (parse.GetValue(shard) is { } size)
                request = request with { ShardBytes = ByteSize.TryParse(size, out var bytes) && bytes.Bytes >= 1 ? bytes.Bytes : throw new UserException($"--shard-size ({size}) must be a size such as 5GB, above 0") };
            var made = Kind.For(trained).Export(trained, request);
            var document = new { Schema = "transformer.export/1", Run = parse.GetValue(run), Checkpoint = trained.Checkpoint.Step, made.Layout, made.Output, made.Files, made.Notes };
            return context.Print(parse, document, writer =>
            {
                foreach (var note in made.Notes) context.Error.WriteLine($"note: {note}");
                writer.WriteLine($"{made.Output}: {made.Layout}, {string.Join(", ", made.Files.Select(file => file.Name))}");
            });
        });
    }
}

/// <summary><c>import</c>: turns another program's model into a run.</summary>
static class ImportCommand
{
    public static Command Create(CliContext context)
    {
        var folder = new Argument<string>("DIR") { Description = "A folder from Hugging Face's transformers or from timm: config.json, model.safetensors (one file, or several with an index) and the tokenizer", HelpName = "DIR" };
        var output = new Option<string>("--output") { Description = "The new run folder", HelpName = "RUN", Required = true };
        return context.Create("import", """
            Turns another program's model into a run, for generate, eval, plot, export and train --from.

            Example: transformer import downloads/gpt2 --output runs/gpt2
            """, [folder, output], (parse, _) =>
        {
            var made = HuggingFaceImport.Import(parse.GetValue(folder)!, parse.GetValue(output)!);
            var document = new { Schema = "transformer.import/1", Run = made.Output, made.Layout, made.Model, made.Parameters, made.Tensors, made.Ignored, made.Notes };
            return context.Print(parse, document, writer =>
            {
                foreach (var note in made.Notes) context.Error.WriteLine($"note: {note}");
                if (made.Ignored.Count > 0) context.Error.WriteLine($"note: {Amount.Of(made.Ignored.Count, "tensor that this program does not use was", "tensors that this program does not use were")} skipped: {string.Join(", ", made.Ignored.Take(5))}{(made.Ignored.Count > 5 ? ", …" : "")}");
                writer.WriteLine(FormattableString.Invariant($"{made.Output}: {made.Model} from the layout {made.Layout}, {Amount.Of(made.Parameters, "weight")} in {Amount.Of(made.Tensors, "tensor")}"));
            });
        });
    }
}

/// <summary><c>average</c>: averages the weights of checkpoints.</summary>
static class AverageCommand
{
    static readonly string[] OnlyInTraining = ["init", "dropout", "inner_dropout", "drop"];

    public static Command Create(CliContext context)
    {
        var inputs = new Argument<string[]>("CHECKPOINT") { Description = "Checkpoint folders, or run folders for all their checkpoints", HelpName = "CHECKPOINT", Arity = ArgumentArity.OneOrMore, CompletionSources = { Completions.Runs } };
        var output = new Option<string>("--output") { Description = "The new checkpoint's folder", HelpName = "DIR", Required = true };
        var last = new Option<int?>("--last") { Description = "Use only the last N checkpoints of a run folder", HelpName = "N" };
        return context.Create("average", """
            Averages the weights of checkpoints into one, which can be evaluated and used for generation.

            Example: transformer average runs/multi30k-de-en --last 5 --output runs/averaged
            """, [inputs, output, last], (parse, _) =>
        {
            var count = parse.AtLeast(1, last);
            List<Checkpoint> checkpoints = [.. parse.GetValue(inputs)!.SelectMany(path => Expand(path, count))];
            CheckModels(checkpoints);
            var made = CheckpointAverage.Average(checkpoints, parse.GetValue(output)!);
            return context.Print(parse, new { Schema = "transformer.average/1", Checkpoint = made.Folder, made.Step, Of = checkpoints.Select(one => one.Folder) }, writer => writer.WriteLine($"{made.Folder}: the mean of {Amount.Of(checkpoints.Count, "checkpoint")}, the last at step {made.Step}"));
        });
    }

    // Tensors of the same names and shapes may belong to different models, for example with other numbers of heads.
    static void CheckModels(IReadOnlyList<Checkpoint> checkpoints)
    {
        if (checkpoints.GroupBy(one => Path.GetFullPath(one.Folder)).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new CheckpointException(twice.Key, $"is given {twice.Count()} times, so it would count {twice.Count()} times in the mean", "name each checkpoint once");
        var first = ModelOf(checkpoints[0]);
        foreach (var other in checkpoints.Skip(1))
        {
            var differences = ConfigDifferences.Of(first, ModelOf(other), "model").Where(one => !one.Path.Split('.').Any(OnlyInTraining.Contains)).ToList();
            // The other settings of another kind of model do not correspond.
            if (differences.Find(one => one.Path == "model.kind") is { } kind) differences = [kind];
            if (differences.Count > 0)
                throw new CheckpointException(other.Folder, $"its model differs from that of {checkpoints[0].Folder}: {string.Join("; ", differences.Select(one => $"{one.Path} is {one.New ?? "not set"} here and {one.Old ?? "not set"} there"))}", "average checkpoints of the same model");
        }
    }

    static ModelConfig ModelOf(Checkpoint checkpoint) =>
        ConfigFile.Parse<RunConfig>(checkpoint.ReadText(CheckpointFiles.Config), checkpoint.PathOf(CheckpointFiles.Config)).Model;

    static IEnumerable<Checkpoint> Expand(string path, int? last)
    {
        if (File.Exists(Path.Combine(path, CheckpointFiles.Manifest)))
            return last is null ? [Checkpoint.Open(path)] : throw new UserException([new Problem($"is itself a checkpoint, but --last ({last}) selects from the checkpoints of a run", path, Hint: "leave --last out, or name the run's folder")]);
        using var run = RunFolder.OpenForReading(path);
        var steps = run.Checkpoints.Steps();
        if (last > steps.Count && steps.Count > 0)
            throw new UserException($"--last ({last}) must be at most {steps.Count}: {path} has only that many checkpoints", "training.checkpoint.keep sets how many are kept");
        return steps.Count == 0 ? throw new CheckpointException(path, "there are no checkpoints")
            : [.. steps.Take(last ?? int.MaxValue).Select(step => Checkpoint.Open(run.Checkpoints.PathOf(step)))];
    }
}
