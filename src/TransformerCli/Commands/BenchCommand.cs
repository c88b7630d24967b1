using System.CommandLine;
using System.Globalization;
using Transformers.Benchmarks;
using Transformers.IO;
using Transformers.Tokenizers.Bpe;
using Transformers.Tokenizers.Formats;

namespace TransformerCli.Commands;

/// <summary><c>bench</c>: what this machine gives, measured.</summary>
static class BenchCommand
{
    /// <summary>The command with its parts.</summary>
    public static Command Create(CliContext context) => new("bench", "Measures this machine, and what this program makes of it.\n\nExample: transformer bench kernels")
    {
        BenchKernelsCommand.Create(context), BenchStepCommand.Create(context), BenchGenerateCommand.Create(context), Data(context),
    };

    static Command Data(CliContext context)
    {
        var input = new Option<string[]>("--input") { Description = "Text files; natural text of 100 MB or more gives figures to quote", HelpName = "PATH", AllowMultipleArgumentsPerToken = true };
        var vocabulary = new Option<int>("--vocabulary") { Description = "Tokens of the vocabulary that is trained", HelpName = "N", DefaultValueFactory = _ => 32_768 };
        var tokenizer = new Option<string?>("--tokenizer") { Description = "Encode with this tokenizer, such as GPT-2's, and not with the trained one", HelpName = "PATH" };
        var threads = new Option<int>("--threads") { Description = "The most threads", HelpName = "N", DefaultValueFactory = _ => Environment.ProcessorCount };
        var images = new Option<bool>("--images") { Description = "Measure images: decoding and augmentation" };
        var command = new Command("data", "Measures tokenizer training and encoding, or image decoding.\n\nExample: transformer bench data --input corpus.txt --tokenizer data/gpt2")
        {
            input, vocabulary, tokenizer, threads, images,
        };
        context.Handle(command, (parse, _) =>
        {
            var json = parse.GetValue(context.JsonOption);
            var paths = parse.GetValue(input) ?? [];
            if (parse.GetValue(threads) is < 1 and var few) throw new UserException($"--threads ({few}) must be at least 1");
            if (paths.Length == 0 && !parse.GetValue(images)) throw new UserException("there is nothing to measure: name text with --input, or give --images");
            if (paths.FirstOrDefault(path => !File.Exists(path)) is { } missing) throw new UserException([new Problem("there is no such file", missing, Path: "--input")]);
            var text = paths.Length == 0 ? null : TokenizerBenchmark.Run(paths, new BpeTrainerOptions { VocabularySize = parse.GetValue(vocabulary) },
                parse.GetValue(threads), parse.GetValue(tokenizer) is { } file ? TokenizerFile.Load(file) : null);
            var pictures = parse.GetValue(images) ? ImageBenchmark.Run() : null;
            if (json) context.WriteJson(new BenchDocument("transformer.bench/1") { Text = text, Images = pictures });
            else Print(context.Out, text, pictures);
            return ExitCodes.Done;
        });
        return command;
    }

    static void Print(TextWriter writer, TokenizerBenchmarkResult? text, ImageBenchmarkResult? images)
    {
        var culture = CultureInfo.InvariantCulture;
        if (text is not null)
        {
            writer.WriteLine(string.Create(culture, $"{text.Bytes / 1e6:F1} MB, {text.DistinctPieces:N0} distinct pieces, {text.Tokens:N0} tokens"));
            foreach (var timing in text.Timings)
                writer.WriteLine(string.Create(culture, $"{timing.Name,-8} {timing.Threads} threads  {timing.Seconds,7:F2} s  {timing.MegabytesPerSecond,6:F1} MB/s  ({timing.MegabytesPerCpuSecond:F1} MB a second of processor time)"));
        }
        if (images is not null)
            writer.WriteLine(string.Create(culture, $"images of {images.FileBytes / 1000:F0} kB, a core: decode {images.DecodePerSecond:F0}/s, decode + crop + flip + normalise {images.TrainPerSecond:F0}/s, with RandAugment {images.RandAugmentPerSecond:F0}/s"));
    }
}
