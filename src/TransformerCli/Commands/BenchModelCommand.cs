using System.CommandLine;
using TransformerCli.Output;
using Transformers.Benchmarks;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Models;

namespace TransformerCli.Commands;

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
        var command = new Command("step", """
            Measures training steps of a config's model on random inputs, and the fraction of the machine's peak that they reach.

            Example: transformer bench step gpt-stories --precision fp32
            """)
        {
            source, sets, rows, seconds, device, precision,
        };
        context.Handle(command, (parse, _) =>
        {
            var batch = parse.AtLeast(1, rows);
            var name = parse.GetValue(source) ?? "shakespeare-char";
            var config = CommonOptions.LoadConfig(name, parse.GetValue(sets));
            var options = Options(context, parse, device, precision, seconds);
            context.Error.Progress.Show("measuring training steps");
            var result = StepBenchmarkConfig.Run(config, batch, options, name, note => context.Error.WriteLine($"note: {note}"));
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new BenchDocument("transformer.bench/1") { Step = result });
            else Print(context.Out, result);
            return ExitCodes.Done;
        });
        return command;
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
        var command = new Command("generate", """
            Measures generation, and the fraction of the memory bandwidth that reading the weights uses.

            Example: transformer bench generate runs/gpt-stories --prompts 1 8
            """)
        {
            run, checkpoint, prompts, tokens, seconds, device, precision,
        };
        context.Handle(command, (parse, _) =>
        {
            int[] counts = parse.GetValue(prompts) is { Length: > 0 } given ? given : [1, 32];
            if (counts.FirstOrDefault(count => count < 1, 1) is var low and < 1) throw new UserException($"--prompts ({low}) must be at least 1");
            var length = parse.AtLeast(1, tokens);
            var trained = parse.GetValue(run) is { } path ? parse.OpenRun(context, path, checkpoint) : null;
            trained?.Require<GptConfig>("a language model (gpt)");
            var options = Options(context, parse, device, precision, seconds);
            context.Error.Progress.Show("measuring generation");
            var results = counts.Select(count => Measure(trained, count, length, options)).ToList();
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new BenchDocument("transformer.bench/1") { Generate = results });
            else foreach (var result in results) Print(context.Out, result);
            return ExitCodes.Done;
        });
        return command;
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
