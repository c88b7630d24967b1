using System.CommandLine;
using TransformerCli.Output;
using Transformers.Benchmarks;
using Transformers.Configs;
using Transformers.IO;
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
        var command = new Command("kernels", "Measures the peaks of this machine, and the fraction of them that a model's kernels reach.\n\nExample: transformer bench kernels") { device };
        context.Handle(command, (parse, _) =>
        {
            context.Error.Progress.Show("measuring");
            var result = KernelBenchmark.Run(parse.ResolveDevice(context, device));
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new BenchDocument("transformer.bench/1") { Kernels = result });
            else Print(context.Out, result);
            return ExitCodes.Done;
        });
        return command;
    }

    static Command Data(CliContext context)
    {
        var input = new Option<string[]>("--input") { Description = "Text files; 100 MB or more of natural text give figures worth quoting", HelpName = "PATH", AllowMultipleArgumentsPerToken = true };
        var vocabulary = new Option<int>("--vocabulary") { Description = "Size of the vocabulary to train", HelpName = "N", DefaultValueFactory = _ => 32_768 };
        var tokenizer = new Option<string?>("--tokenizer") { Description = "Encode with this tokenizer, such as GPT-2's, instead of the trained one", HelpName = "PATH" };
        var threads = new Option<int>("--threads") { Description = "The maximum number of threads", HelpName = "N", DefaultValueFactory = _ => Environment.ProcessorCount };
        var images = new Option<bool>("--images") { Description = "Measure image decoding and augmentation" };
        var command = new Command("data", "Measures tokenizer training and encoding, or image decoding.\n\nExample: transformer bench data --input corpus.txt --tokenizer data/gpt2")
        {
            input, vocabulary, tokenizer, threads, images,
        };
        context.Handle(command, (parse, _) =>
        {
            var paths = parse.GetValue(input) ?? [];
            var most = parse.AtLeast(1, threads);
            if (paths.Length == 0 && !parse.GetValue(images)) throw new UserException("there is nothing to measure: pass text files with --input, or --images");
            if (paths.FirstOrDefault(path => !File.Exists(path)) is { } missing) throw new UserException([new Problem("the file does not exist", missing, Path: "--input", Hint: Suggestion.ForPath(missing))]);
            context.Error.Progress.Show("measuring");
            var text = paths.Length == 0 ? null : TokenizerBenchmark.Run(paths, new BpeTrainerOptions { VocabularySize = parse.GetValue(vocabulary) },
                most, parse.GetValue(tokenizer) is { } file ? TokenizerFile.Load(file) : null);
            var pictures = parse.GetValue(images) ? ImageBenchmark.Run() : null;
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new BenchDocument("transformer.bench/1") { Text = text, Images = pictures });
            else Print(context.Out, text, pictures);
            return ExitCodes.Done;
        });
        return command;
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
