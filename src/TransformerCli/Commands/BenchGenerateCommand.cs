using System.CommandLine;
using System.Globalization;
using TransformerCli.Progress;
using Transformers.Benchmarks;
using Transformers.Evaluation;
using Transformers.IO;
using Transformers.Models;
using Transformers.Native;

namespace TransformerCli.Commands;

/// <summary><c>bench generate</c>: how fast a language model writes.</summary>
static class BenchGenerateCommand
{
    // 6 layers of width 384 and a context of 256: nanoGPT's model of characters.
    static readonly GptConfig Usual = new() { Layers = 6, Heads = 6, Width = 384, Context = 256 };
    const int UsualVocabulary = 65;

    internal static Command Create(CliContext context)
    {
        var run = new Argument<string?>("RUN") { Description = "A run folder or a checkpoint folder; without one, a model of 10.7 million parameters with random weights", Arity = ArgumentArity.ZeroOrOne };
        var checkpoint = new Option<string?>("--checkpoint") { Description = "best, latest or a step [default: best, else latest]", HelpName = "best|latest|N" };
        var prompts = new Option<int[]>("--prompts") { Description = "Prompts at once; several numbers are measured in turn", HelpName = "N", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [1, 32] };
        var tokens = new Option<int>("--tokens") { Description = "Tokens to make for each prompt, at most the context", HelpName = "N", DefaultValueFactory = _ => 256 };
        var seconds = BenchDocument.SecondsOption();
        var device = DeviceOption.Create();
        var precision = DeviceOption.CreatePrecision();
        var command = new Command("generate", """
            Measures generation, and the share of the memory's bandwidth that reading the weights takes.

            Example: transformer bench generate runs/gpt-stories --prompts 1 8
            """)
        {
            run, checkpoint, prompts, tokens, seconds, device, precision,
        };
        context.Handle(command, (parse, _) =>
        {
            var (counts, length) = (parse.GetValue(prompts)!, parse.GetValue(tokens));
            if (counts.FirstOrDefault(count => count < 1, 1) is var low and < 1) throw new UserException($"--prompts ({low}) must be at least 1");
            if (length < 1) throw new UserException($"--tokens ({length}) must be at least 1");
            var trained = parse.GetValue(run) is { } path ? TrainedRun.Open(path, parse.GetValue(checkpoint)) : null;
            trained?.Require<GptConfig>("a language model (gpt)");
            var where = DeviceOption.Resolve(parse.GetValue(device));
            NativeLibraries.Load();
            var options = new StepBenchmarkOptions(where, DeviceOption.PrecisionOf(parse.GetValue(precision), where), BenchDocument.Seconds(parse, seconds));
            var results = counts.Select(count => Measure(trained, count, length, options)).ToList();
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new BenchDocument("transformer.bench/1") { Generate = results });
            else foreach (var result in results) Print(context.Out, result);
            return ExitCodes.Done;
        });
        return command;
    }

    static GenerationBenchmarkResult Measure(TrainedRun? run, int prompts, int tokens, StepBenchmarkOptions options)
    {
        if (run is null) return GenerationBenchmark.Run(Usual, UsualVocabulary, prompts, tokens, options);
        var tokenizer = run.LoadTokenizer();
        using var model = run.LoadLanguageModel(tokenizer, options.Device);
        return GenerationBenchmark.Run(model, tokenizer, prompts, tokens, options);
    }

    static void Print(TextWriter writer, GenerationBenchmarkResult result) => writer.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{result.Prompts,4} at once  {ProgressText.Count(result.TokensPerSecond),8} tokens/s, {result.Precision}, {result.Device}; reading {ProgressText.Bytes(result.WeightBytes)} of weights a step takes {100 * result.BandwidthShare:0} % of {result.BytesPerSecond / 1e9:0.0} GB/s"));
}
