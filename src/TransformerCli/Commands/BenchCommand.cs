using System.CommandLine;
using TransformerCli.Output;
using Transformers.Benchmarks;
using Transformers.Configs;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Models;
using Transformers.Tokenizers.Bpe;
using Transformers.Tokenizers.Formats;

namespace TransformerCli.Commands;

/// <summary><c>bench</c>: what this machine can do, and how much of it this program uses.</summary>
static class BenchCommand
{
    public static Command Create(CliContext context) => new("bench", "Measures this machine's peak speed, and how close this program comes to it.\n\nExample: transformer bench kernels")
    {
        Kernels(context), BenchModelCommand.CreateStep(context), BenchModelCommand.CreateGenerate(context), Data(context),
    };

    static Command Kernels(CliContext context)
    {
        var device = CommonOptions.Device();
        return context.Create("kernels", "Measures this machine's peak throughput, and the fraction of it that a model's kernels reach.\n\nExample: transformer bench kernels", [device], (parse, _) =>
        {
            context.Error.Progress.Show("measuring");
            var result = KernelBenchmark.Run(parse.ResolveDevice(context, device));
            return context.Print(parse, new BenchDocument("transformer.bench/1") { Kernels = result }, writer => Print(writer, result));
        });
    }

    static Command Data(CliContext context)
    {
        var input = new Option<string[]>("--input") { Description = "Text files; 100 MB or more of natural text give figures worth quoting", HelpName = "PATH", AllowMultipleArgumentsPerToken = true };
        var vocabulary = new Option<int>("--vocabulary") { Description = "Size of the vocabulary to train", HelpName = "N", DefaultValueFactory = _ => 32_768 };
        var tokenizer = new Option<string?>("--tokenizer") { Description = "Encode with this tokenizer, such as GPT-2's, instead of the trained one", HelpName = "PATH" };
        var threads = new Option<int>("--threads") { Description = "The maximum number of threads", HelpName = "N", DefaultValueFactory = _ => Environment.ProcessorCount };
        var images = new Option<bool>("--images") { Description = "Measure image decoding and augmentation" };
        return context.Create("data", "Measures tokenizer training and encoding, or image decoding.\n\nExample: transformer bench data --input corpus.txt --tokenizer data/gpt2", [input, vocabulary, tokenizer, threads, images], (parse, _) =>
        {
            var paths = parse.GetValue(input) ?? [];
            var most = parse.AtLeast(1, threads);
            if (paths.Length == 0 && !parse.GetValue(images)) throw new UserException("there is nothing to measure: pass text files with --input, or --images");
            if (paths.FirstOrDefault(path => !File.Exists(path)) is { } missing) throw new UserException([new Problem("the file does not exist", missing, Path: "--input", Hint: Suggestion.ForPath(missing))]);
            context.Error.Progress.Show("measuring");
            var text = paths.Length == 0 ? null : TokenizerBenchmark.Run(paths, new BpeTrainerOptions { VocabularySize = parse.GetValue(vocabulary) },
                most, parse.GetValue(tokenizer) is { } file ? TokenizerFile.Load(file) : null);
            var pictures = parse.GetValue(images) ? ImageBenchmark.Run() : null;
            return context.Print(parse, new BenchDocument("transformer.bench/1") { Text = text, Images = pictures }, writer => Print(writer, text, pictures));
        });
    }

    static void Print(TextWriter writer, KernelBenchmarkResult result)
    {
        writer.WriteLine($"{result.Device}, {Amount.Of(result.Threads, "thread")}, libtorch {result.Libtorch}, {result.CpuCapability}");
        foreach (var peak in result.Peaks) writer.WriteLine($"peak {peak.Precision}          {peak.FlopsPerSecond / 1e9,8:0} GFLOP/s");
        writer.WriteLine($"peak memory        {result.BytesPerSecond / 1e9,8:0.0} GB/s read and written");
        writer.WriteLine($"one operation      {1e6 * result.OperationSeconds,8:0.00} µs at least");
        var table = new TextTable("kernel", "type", ">ms", ">speed", "unit", ">of the peak");
        foreach (var kernel in result.Kernels)
            table.Add(kernel.Kernel, $"{kernel.Precision}", $"{1e3 * kernel.Seconds:0.000}", $"{kernel.PerSecond / 1e9:0.0}", kernel.Bound == "memory" ? "GB/s" : "GFLOP/s", $"{100 * kernel.Share:0} %");
        table.Write(writer);
    }

    static void Print(TextWriter writer, TokenizerBenchmarkResult? text, ImageBenchmarkResult? images)
    {
        if (text is not null)
        {
            writer.WriteLine($"{text.Bytes / 1e6:F1} MB, {text.DistinctPieces:N0} distinct pieces, {text.Tokens:N0} tokens");
            foreach (var timing in text.Timings)
                writer.WriteLine($"{timing.Name,-8} {Amount.Of(timing.Threads, "thread")}  {timing.Seconds,7:F2} s  {timing.MegabytesPerSecond,6:F1} MB/s  ({timing.MegabytesPerCpuSecond:F1} MB per second of processor time)");
        }
        if (images is not null)
            writer.WriteLine($"images of {images.FileBytes / 1000:F0} kB on one core: decode {images.DecodePerSecond:F0}/s, decode + crop + flip + normalise {images.TrainPerSecond:F0}/s, with RandAugment {images.RandAugmentPerSecond:F0}/s");
    }
}

/// <summary>What the subcommands of <c>bench</c> print with <c>--json</c>: only what was measured.</summary>
sealed record BenchDocument(string Schema)
{
    public KernelBenchmarkResult? Kernels { get; init; }
    public StepBenchmarkResult? Step { get; init; }
    public IReadOnlyList<GenerationBenchmarkResult>? Generate { get; init; }
    public TokenizerBenchmarkResult? Text { get; init; }
    public ImageBenchmarkResult? Images { get; init; }
}

/// <summary><c>bench step</c> and <c>bench generate</c>: the speed of training steps and of generation.</summary>
static class BenchModelCommand
{
    // nanoGPT's character model: 6 layers of width 384, a context of 256.
    static readonly GptConfig DefaultModel = new() { Layers = 6, Heads = 6, Width = 384, Context = 256 };
    const int DefaultVocabulary = 65;

    internal static Command CreateStep(CliContext context)
    {
        var (source, sets) = (CommonOptions.ConfigOrRun(), CommonOptions.Sets());
        // A default of the argument itself would be appended to the example in the list of commands.
        (source.Arity, source.Description) = (ArgumentArity.ZeroOrOne, $"{source.Description} [default: shakespeare-char]");
        var rows = new Option<int?>("--rows") { Description = "Rows per step: sequences, pairs, images, sounds or windows of series [default: the config's micro-batch]", HelpName = "N" };
        var (seconds, device, precision) = (Seconds(), CommonOptions.Device(), CommonOptions.Precision());
        return context.Create("step", """
            Measures training steps of a config's model on random inputs, and the fraction of the machine's peak that they reach.

            Example: transformer bench step gpt-stories --precision fp32
            """, [source, sets, rows, seconds, device, precision], (parse, _) =>
        {
            var batch = parse.AtLeast(1, rows);
            var name = parse.GetValue(source) ?? "shakespeare-char";
            var config = CommonOptions.LoadConfig(name, parse.GetValue(sets));
            var options = Options(context, parse, device, precision, seconds);
            context.Error.Progress.Show("measuring training steps");
            var result = StepBenchmarkConfig.Run(config, batch, options, name, note => context.Error.WriteLine($"note: {note}"));
            return context.Print(parse, new BenchDocument("transformer.bench/1") { Step = result }, writer => Print(writer, result));
        });
    }

    internal static Command CreateGenerate(CliContext context)
    {
        var run = new Argument<string?>("RUN")
        {
            Description = "A run folder or a checkpoint folder; without one, a model with 10.7 million parameters and random weights", HelpName = "RUN",
            Arity = ArgumentArity.ZeroOrOne, CompletionSources = { Completions.Runs },
        };
        var prompts = new Option<int[]>("--prompts") { Description = "Number of prompts at once; several numbers are measured in turn [default: 1 and 32]", HelpName = "N", AllowMultipleArgumentsPerToken = true };
        var tokens = new Option<int>("--tokens") { Description = "Tokens to generate for each prompt, at most the context", HelpName = "N", DefaultValueFactory = _ => 256 };
        var (checkpoint, seconds, device, precision) = (CommonOptions.Checkpoint(), Seconds(), CommonOptions.Device(), CommonOptions.Precision());
        return context.Create("generate", """
            Measures generation, and the fraction of the memory bandwidth that reading the weights uses.

            Example: transformer bench generate runs/gpt-stories --prompts 1 8
            """, [run, checkpoint, prompts, tokens, seconds, device, precision], (parse, _) =>
        {
            int[] counts = parse.GetValue(prompts) is { Length: > 0 } given ? given : [1, 32];
            if (counts.FirstOrDefault(count => count < 1, 1) is var low and < 1) throw new UserException($"--prompts ({low}) must be at least 1");
            var length = parse.AtLeast(1, tokens);
            var trained = parse.GetValue(run) is { } path ? parse.OpenRun(context, path, checkpoint) : null;
            trained?.Require<GptConfig>("a language model (gpt)");
            var options = Options(context, parse, device, precision, seconds);
            context.Error.Progress.Show("measuring generation");
            var results = counts.Select(count => Measure(trained, count, length, options)).ToList();
            return context.Print(parse, new BenchDocument("transformer.bench/1") { Generate = results }, writer => results.ForEach(result => Print(writer, result)));
        });
    }

    static Option<double> Seconds() => new("--seconds") { Description = "About how long to measure, after the warm-up", HelpName = "S", DefaultValueFactory = _ => 8 };

    static StepBenchmarkOptions Options(CliContext context, ParseResult parse, Option<string> device, Option<string?> precision, Option<double> seconds)
    {
        var time = parse.GetValue(seconds);
        if (time is not (>= 0 and <= 3600)) throw new UserException($"--seconds ({time}) must be between 0 and 3600");
        var where = parse.ResolveDevice(context, device);
        return new StepBenchmarkOptions(where, CommonOptions.ResolvePrecision(parse.GetValue(precision), where), time);
    }

    static GenerationBenchmarkResult Measure(TrainedRun? run, int prompts, int tokens, StepBenchmarkOptions options)
    {
        if (run is null) return GenerationBenchmark.Run(DefaultModel, DefaultVocabulary, prompts, tokens, options);
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, options.Device);
        return GenerationBenchmark.Run(model, tokenizer, prompts, tokens, options);
    }

    static void Print(TextWriter writer, StepBenchmarkResult result)
    {
        writer.WriteLine($"{result.Model} with {result.Parameters:N0} parameters, {result.Precision}, {result.Device}");
        writer.WriteLine($"step         {1e3 * result.Seconds:0.0} ms (median; quartiles {1e3 * result.FastSeconds:0.0} and {1e3 * result.SlowSeconds:0.0}), {Amount.Of(result.Steps, "step")}");
        writer.WriteLine($"speed        {ProgressText.Count(result.UnitsPerSecond)} {result.Unit}/s, {result.UnitsPerStep:N0} {result.Unit} per step");
        writer.WriteLine($"utilisation  {100 * result.Utilisation:0} % of the peak of {result.PeakFlopsPerSecond / 1e9:0} GFLOP/s; {result.FlopsPerStep / 1e9:0.0} GFLOP per step");
        writer.WriteLine($"first loss   {result.FirstLoss:0.000}");
        writer.WriteLine($"peak memory  {ProgressText.Bytes(result.PeakMemoryBytes)}");
    }

    static void Print(TextWriter writer, GenerationBenchmarkResult result) => writer.WriteLine(
        $"{result.Prompts,4} at once  {ProgressText.Count(result.TokensPerSecond),8} tokens/s, {result.Precision}, {result.Device}; reading {ProgressText.Bytes(result.WeightBytes)} of weights per step uses {100 * result.BandwidthShare:0} % of {result.BytesPerSecond / 1e9:0.0} GB/s");
}
